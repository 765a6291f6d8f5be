"""What a user does with a finished dataset: open, verify, window, load, describe."""

from __future__ import annotations

from fimad.dataset.reader import Dataset, open_dataset

__all__ = ["Dataset", "open_dataset"]
