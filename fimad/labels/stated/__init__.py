"""What a title states beside its name: numbers, times, side, equipment.

Imports of `fimad.labels` only `matching`, `taxonomy` and `text`.
"""
