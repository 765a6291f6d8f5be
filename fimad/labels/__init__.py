"""What a clip is: titles to kinds and canonical exercises, descriptions, mapping tables. Imports nothing of the pipeline."""

from fimad.labels.mappings import LabelMap, load_mapping, mapping_names
from fimad.labels.taxonomy import KINDS, Exercise, lexicon, load_taxonomy
from fimad.labels.titles import TitleLabel, label_title

__all__ = [
    "KINDS",
    "Exercise",
    "LabelMap",
    "TitleLabel",
    "label_title",
    "lexicon",
    "load_mapping",
    "load_taxonomy",
    "mapping_names",
]
