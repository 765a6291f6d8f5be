"""From noisy, irregular positions to accelerations: the default smoother and the field's usual ones.

Knows time series, not bodies: every channel is a column. `differentiate` is the way in. May import `fimad.simulate.types`.
"""
