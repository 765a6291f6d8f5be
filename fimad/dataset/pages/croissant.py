"""`croissant.json`: the dataset described for machines (MLCommons Croissant 1.1, with responsible-AI fields)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fimad.dataset.pages.biases import biases
from fimad.dataset.pages.text import plain

# Croissant demands a day: that of the method's paper, where no video has one.
_UNDATED = "2024-06-06"
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "arrayShape": "cr:arrayShape",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_SCALARS = {
    "string": "sc:Text",
    "int32": "sc:Integer",
    "int64": "sc:Integer",
    "float": "sc:Float",
    "double": "sc:Float",
}
_ITEMS = {
    "list<item: float>": "sc:Float",
    "list<item: double>": "sc:Float",
    "list<item: bool>": "sc:Boolean",
    "list<item: int32>": "sc:Integer",
}


def _array_shape(shape: str) -> str:
    """``m,3`` to ``-1,3``: what differs from clip to clip is not known beforehand."""
    return ",".join(part if part.isdigit() else "-1" for part in shape.split(","))


def _signal(column: Mapping[str, Any]) -> str:
    unit = f" Unit: {column['unit']}." if column.get("unit") else ""
    return f"{plain(column.get('about', ''))}.{unit} Flattened row by row; shape {column['shape']}."


def croissant(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON-LD of a dataset; its records are the clips' columns, signals included, which mlcroissant can load."""
    files = [
        {
            "@type": "cr:FileObject",
            "@id": shard["name"],
            "name": shard["name"],
            "contentUrl": shard["name"],
            "contentSize": f"{shard['bytes']} B",
            "encodingFormat": "application/x-parquet",
            "sha256": shard["sha256"],
        }
        for shard in manifest["shards"]
    ]
    sets = [
        {
            "@type": "cr:RecordSet",
            "@id": f"clips-{number}",
            "name": f"clips-{number}",
            "description": f"Clips of {shard['name']}.",
            "field": [
                {
                    "@type": "cr:Field",
                    "@id": f"clips-{number}/{column['name']}",
                    "name": column["name"],
                    "description": plain(column.get("about", "")),
                    "dataType": _SCALARS[column["type"]],
                    "source": {"fileObject": {"@id": shard["name"]}, "extract": {"column": column["name"]}},
                }
                for column in manifest["columns"]
                if column["type"] in _SCALARS
            ]
            + [
                {
                    "@type": "cr:Field",
                    "@id": f"clips-{number}/{column['name']}",
                    "name": column["name"],
                    "description": _signal(column),
                    "dataType": _ITEMS[column["type"]],
                    "repeated": True,
                    "isArray": True,
                    "arrayShape": _array_shape(column["shape"]),
                    "source": {"fileObject": {"@id": shard["name"]}, "extract": {"column": column["name"]}},
                }
                for column in manifest["columns"]
                if column["type"] in _ITEMS and column.get("shape")
            ],
        }
        for number, shard in enumerate(manifest["shards"])
    ]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": manifest["name"],
        "description": "Clips of people exercising: transcripts, 3D pose, virtual IMU signals and CLIP embeddings.",
        "version": f"{manifest['version']}.0.0",
        # The last day on which anything was retrieved: a clock would make other bytes of the same data.
        "datePublished": manifest.get("newest") or _UNDATED,
        "url": "https://github.com/fimad/fimad",
        "license": "https://choosealicense.com/no-permission/",
        "citeAs": "fimad; method after MuJo, arXiv 2406.03857",
        "rai:dataCollection": "Videos found by their authors' chapters; features derived by fimad; nobody was recorded.",
        "rai:dataBiases": ["Authors of fitness videos are not a sample of all people.", *biases(manifest)],
        "rai:dataLimitations": "Signals are virtual; depth, hidden limbs and floor exercises are least exact.",
        "rai:personalSensitiveInformation": "Body motion of identifiable publications; no pictures, no sound.",
        "rai:dataUseCases": "Pre-training of human activity recognition from wearable sensors.",
        "distribution": files,
        "recordSet": sets,
    }
