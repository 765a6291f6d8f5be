"""Files and object stores: how a finished file gets to its place whole, and how tables are written.

Used by the pipeline and by datasets alike. What a file means is not known here. May import `fimad.errors` alone.
"""
