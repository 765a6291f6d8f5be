"""What `fimad verify` looks at, from the schema's own words: columns, clocks, signals, bodies, words, and what rows have in common.

Checks take a clip, as `folding` gives it, and yield what is wrong in one sentence that names the column. They never say that
of a clip that was well made: where the pose itself is in doubt, nothing is said.
"""
