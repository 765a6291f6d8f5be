"""How windows are cut out of clips.

What lives here: interpolation on a clock (`between`), a clip on the clock of its windows (`grids`), many clips at once for
`to_arrays` (`cutting`), and which windows an epoch has (`epochs`). What doesn't: what users call (`windows`, `arrays`,
`torch`), and reading. Imports NumPy and pyarrow.
"""
