"""How a dataset is written: rows, shards, splits, duplicates, figures, takedowns; `pack.pack` is the way in.

Nothing here knows where the tables come from. May import `fimad.dataset.pages`, `fimad.dataset.manifest` and `fimad.storage`.
"""
