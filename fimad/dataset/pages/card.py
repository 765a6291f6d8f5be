"""The dataset card: README.md with the hub's YAML, from the manifest's real figures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from fimad.dataset.pages.biases import biases
from fimad.dataset.pages.text import counted, markdown

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def card(manifest: Mapping[str, Any]) -> str:
    """Markdown of the card. Nothing in it comes unescaped from a video."""
    parts = [_yaml(manifest), f"# {markdown(manifest['name'])}", _what(manifest), _splits(manifest), _labels(manifest)]
    parts += [
        _modalities(manifest),
        _columns(manifest),
        _reading(manifest),
        _missing(manifest),
        _origin(manifest),
        _limits(manifest),
        _changes(manifest),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _yaml(manifest: Mapping[str, Any]) -> str:
    size = next((name for limit, name in _SIZES if manifest["clips"] < limit), "n>1M")
    lines = ["---", f"pretty_name: {json.dumps(manifest['name'])}", "license: other", "license_name: per-video"]
    lines += ["task_categories:", "- tabular-classification", "- video-classification", "tags:"]
    lines += [f"- {tag}" for tag in ("human-activity-recognition", "imu", "pose", "fitness", "fimad")]
    lines += [f"size_categories:\n- {size}", "configs:"]
    light = [each["name"] for each in manifest["columns"] if not each["type"].startswith(("list", "struct"))]
    for config in ("light", "default"):
        lines += [f"- config_name: {config}", f"  version: {content_version(manifest)}"]
        lines += ["  default: true"] if config == "default" else [f"  columns: {json.dumps(light)}"]
        lines.append("  data_files:")
        for name, info in manifest["splits"].items():
            if info["clips"]:
                lines += [f"  - split: {name}", f"    path: data/{name}-*.parquet"]
    return "\n".join([*lines, "---"])


def is_card(raw: bytes) -> bool:
    """Whether a README is the card of a dataset of fimad."""
    head = raw.partition(b"\n---\n")[0]
    return head.startswith(b"---\n") and all(line in head for line in (b"\n- fimad\n", b"\nlicense_name: per-video\n"))


def content_version(manifest: Mapping[str, Any]) -> str:
    """The dataset's version, and a number that changes with its shards: `datasets` keeps what it read under it.

    Two datasets in folders of one name have the same version 1; the number tells them apart.
    """
    hashes = "".join(shard["sha256"] for shard in manifest["shards"])
    return f"{manifest['version']}.0.{int(hashlib.sha256(hashes.encode()).hexdigest()[:7], 16)}"


def _what(manifest: Mapping[str, Any]) -> str:
    hours = sum(info["hours"] for info in manifest["splits"].values())
    videos = sum(len(info["videos"]) for info in manifest["splits"].values())
    return (
        f"{counted(manifest['clips'], 'clip')} ({hours:.2f} h) from {counted(videos, 'video')} of people exercising. Each row is "
        "a clip with its title and label, words spoken, 3D pose, virtual accelerometer and gyroscope signals derived from "
        "the pose, and CLIP embeddings where they could be made. It holds features only: no pictures and no sound.\n\n"
        f"Made with [fimad](https://github.com/fimad/fimad) {manifest['tools']['fimad']}; dataset version "
        f"{manifest['version']}. `manifest.json` lists every file with its SHA-256; `fimad verify` checks them."
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _splits(manifest: Mapping[str, Any]) -> str:
    rows = [
        [markdown(name), str(info["clips"]), str(len(info["videos"])), f"{info['hours']:.2f}"]
        for name, info in manifest["splits"].items()
    ]
    text = "Videos of one channel, and copies of one video, are always in one split.\n\n"
    return "## Splits\n\n" + text + _table(["split", "clips", "videos", "hours"], rows)


def _labels(manifest: Mapping[str, Any]) -> str:
    ranked = sorted(manifest.get("class_labels", {}).items(), key=lambda each: (-each[1], each[0]))
    rows = [[markdown(name) or "(none)", str(count)] for name, count in ranked[:30]]
    more = f"\n\n{len(ranked) - 30} more classes are in `manifest.json`." if len(ranked) > 30 else ""
    about = (
        "`class_label` is the exercise that the chapter's title names, in one form for all its spellings and languages (`exercise`, "
        "`exercises`), or `null` for rests, sections and talk (`kind`); `class_id` is its number, which stays the same in later "
        "versions. `title` is as published.\n\n"
    )
    return "## Labels\n\n" + about + _table(["class", "clips"], rows) + more


def _modalities(manifest: Mapping[str, Any]) -> str:
    clips = manifest["clips"]
    rows = [[name, str(count), f"{count / clips:.0%}"] for name, count in manifest["modalities"].items() if clips]
    text = "How many clips have each; the columns of the others are NULL.\n\n"
    return "## Modalities\n\n" + text + _table(["modality", "clips", "share"], rows) if rows else ""


def _columns(manifest: Mapping[str, Any]) -> str:
    rows = [
        [
            f"`{column['name']}`",
            column["type"].replace("|", "/"),
            column.get("unit", ""),
            column.get("shape", ""),
            column.get("about", ""),
        ]
        for column in manifest["columns"]
    ]
    text = (
        "Arrays are flattened row by row; fold them back with the shape (`n` frames, `m` IMU samples, `k` words). Times are "
        "seconds on the video's clock. Sensor axes: z along the limb, x to the person's left; world: x to the picture's "
        "right, y away from the camera, z up.\n\n"
    )
    return "## Columns\n\n" + text + _table(["column", "type", "unit", "shape", "meaning"], rows)


def _reading(manifest: Mapping[str, Any]) -> str:
    return (
        '## Reading\n\n```python\nimport fimad\n\ndataset = fimad.open_dataset(".")\nfor window in dataset.windows(length_s=5.0, '
        'rate_hz=50.0, placements=["left_wrist"]):\n    print(window["clip_id"], window["left_wrist_acc_m_s2"].shape)\n```\n\n'
        'It also opens with `datasets.load_dataset(".")`, DuckDB, Polars, pandas and pyarrow.'
    )


def _missing(manifest: Mapping[str, Any]) -> str:
    lines = [f"- Stage {markdown(k)} is missing: {markdown(v)}" for k, v in sorted(manifest["unavailable"].items())]
    lines += [
        f"- Not here: {counted(each['videos'], 'video')}, {each['state']} in {each['stage']} ({markdown(each['reason'])})"
        for each in manifest["excluded_videos"]
    ]
    lines += [
        f"- Without {each['stage']}: {counted(each['videos'], 'video')}, {each['state']} ({markdown(each['reason'])})"
        for each in manifest["incomplete_videos"]
    ]
    lines += [
        f"- Left out: {counted(count, 'clip')}, {markdown(why)}" for why, count in manifest["left_out_clips"].items()
    ]
    lines += [f"- Taken down: {counted(len(manifest['removed']), 'video')}"] if manifest["removed"] else []
    return "## What is missing, and why\n\n" + ("\n".join(lines) or "Nothing was left out.")


def _origin(manifest: Mapping[str, Any]) -> str:
    rows = [
        [markdown(name) or "(not stated)", str(count)]
        for name, count in sorted(manifest["licences"].items(), key=lambda each: (-each[1], each[0]))[:20]
    ]
    models = [f"- {n}: {s}" for info in manifest["stages"].values() for n, s in sorted(info["models"].items())]
    return (
        "## Origin and licences\n\nEvery row names its source (`url`, `channel`, `license`, `retrieved_on`). The features are "
        "derived from videos whose rights belong to their authors.\n\n"
        + _table(["licence as stated by the platform", "clips"], rows)
        + "\n\nModels (SHA-256):\n\n"
        + ("\n".join(models) or "- none")
    )


def _limits(manifest: Mapping[str, Any]) -> str:
    figures = "".join(f"- {markdown(each)}\n" for each in biases(manifest))
    from_files = manifest.get("config", {}).get("pose", {}).get("from")
    signals = (
        f"- Signals are virtual: derived from motion that other programs measured or estimated ({markdown(from_files)}; `pose_from` "
        "names each file). They are as good as that; "
        if from_files
        else "- Signals are virtual: derived from monocular pose. Depth is the worst axis, hidden limbs and floor exercises the "
        "worst cases; "
    )
    return (
        "## Limits and biases\n\n"
        + figures
        + "- People who publish fitness videos are not a sample of all people: fit, "
        "young, well lit, facing a camera.\n" + signals + "`*_valid`, `*_sigma_m_s2` and `*_quality` say where.\n"
        "- Labels are what authors wrote, read by rules, not what annotators saw; `kind_confidence` says how sure they are.\n"
        "- Do not use this to identify people. Takedown: `fimad remove VIDEO`."
    )


def _changes(manifest: Mapping[str, Any]) -> str:
    lines = [
        f"- version {each['version']}: {counted(each['videos'], 'video')}, {each['added']} added, {each['removed']} removed"
        for each in manifest["changes"]
    ]
    return "## Changes\n\n" + "\n".join(lines)
