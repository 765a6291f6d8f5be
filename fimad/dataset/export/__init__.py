"""A dataset, or windows of it, in the forms of other libraries.

What lives here: WebDataset's tar files (`tars`), and the folders and files of WHAR Datasets, harnet, aeon, sktime and tsai
(`forms`). What doesn't: reading and cutting. Imports `fimad.dataset.reader` and what it gives.
"""

from fimad.dataset.export.tars import to_webdataset

__all__ = ["to_webdataset"]
