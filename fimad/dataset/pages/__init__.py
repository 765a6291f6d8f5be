"""What a dataset says of itself in words: its card, and Croissant.

All of it follows from the manifest, which is how `fimad verify` checks it. May import nothing else of `fimad.dataset`.
"""
