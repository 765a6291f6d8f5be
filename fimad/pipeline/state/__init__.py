"""What a workspace holds: artifacts, records of failures, the corpus, the diary, and what follows from listing them.

Nothing here runs a stage. May import `stages` (for their keys), `acquire` and `fimad.storage`.
"""
