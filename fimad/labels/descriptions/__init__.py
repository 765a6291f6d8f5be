"""How an exercise is done, in words: from the taxonomy by a template, or by a language model; and words as vectors.

May import the rest of `fimad.labels`.
"""
