"""From landmarks in a picture to metric trajectories in the world, and what a body can't do, mended.

`trajectory.lift` is the way in. Nothing is differentiated here. May import `fimad.simulate.types`, `vectors`, `stretches` and `smoothing`.
"""
