"""Chapters proposed for videos that have none: from comments, from what is said, from motion that changes.

May import `acquire`, `media`, `fimad.labels` and the reader of descriptions.
"""
