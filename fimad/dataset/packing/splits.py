"""Who goes into which split: videos of one channel, and copies of one video, stay together."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fimad.errors import ConfigError


@dataclass(frozen=True)
class Member:
    """What splitting needs to know of a video.

    Parameters
    ----------
    ties : names that bind videos together: the channel, the media file's hash, a shared performance.
    labels : number of clips by label.
    split : the one that its source puts it into.
    fingerprint : of its source.
    """

    video_id: str
    ties: tuple[str, ...]
    labels: Counter[str] = field(default_factory=Counter)
    duration_s: float = 0.0
    split: str | None = None
    fingerprint: str = ""


def assign(
    members: Iterable[Member], fractions: Mapping[str, float], before: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Split of each video id.

    Groups (videos that share a tie, directly or through others) are dealt largest first to the split that lacks most of
    their labels, and of clips at all; no split stays empty while there are groups for it. `before` is kept: a group with a member that was assigned earlier goes where that is, so that an
    appended dataset keeps its splits. The result depends on nothing but the arguments.
    """
    before = before or {}
    total = sum(fractions.values())
    if not fractions or total <= 0 or min(fractions.values()) < 0:
        raise ConfigError(
            f"pack.splits = {dict(fractions)!r} can't be used.",
            "Fractions must not be negative, and not all zero.",
            "For example: splits = {train = 0.8, val = 0.1, test = 0.1}",
        )
    targets = {name: fraction / total for name, fraction in fractions.items() if fraction > 0}
    groups = _groups(members)
    labels_total: Counter[str] = Counter()
    for group in groups:
        labels_total.update(_labels(group))
    dealt: dict[str, Counter[str]] = {name: Counter() for name in targets}
    result: dict[str, str] = {}

    def give(group: list[Member], split: str) -> None:
        dealt.setdefault(split, Counter()).update(_labels(group))
        result.update((member.video_id, split) for member in group)

    fresh = []
    for group in groups:
        known = Counter(before[member.video_id] for member in group if member.video_id in before)
        if known:
            give(group, known.most_common(1)[0][0])
            # Where a new video ties two old groups, the old rows stay where readers have them; `leaks` tells of it.
            result.update((m.video_id, before[m.video_id]) for m in group if m.video_id in before)
        else:
            fresh.append(group)
    fresh.sort(key=lambda group: (-sum(_labels(group).values()), _hash(group[0].video_id)))
    clips_total = sum(labels_total.values())
    for number, group in enumerate(fresh):
        counts = _labels(group)

        def lacks(split: str, counts: Counter[str] = counts) -> float:
            """How much closer this group brings the split to its target: in label fractions, and twice that in size."""
            by_label = sum(
                n * (targets[split] - dealt[split][label] / labels_total[label]) for label, n in counts.items()
            )
            return by_label / sum(counts.values()) + 2 * (targets[split] - sum(dealt[split].values()) / clips_total)

        empty = [split for split in targets if not dealt[split]]
        # No split stays empty while there are groups for it: a validation set of one video is better than none.
        if len(fresh) - number <= len(empty):
            give(group, max(empty, key=lambda split: targets[split]))
        else:
            give(group, max(targets, key=lambda split: (lacks(split), targets[split])))
    return result


def splits_from_file(path: str) -> dict[str, str]:
    """Split of each video from a JSON file ``{split: [clip or video ids]}``, FiMAD's own form.

    Raises `ConfigError` if it can't be read, or puts clips of one video into two splits.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        listed = [(str(each), str(split)) for split, ids in data.items() for each in ids]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise ConfigError(
            f"The split file {path!r} can't be read: {error}.",
            "It is not JSON of the form {split: [ids]}.",
            "Mend `pack.split_file`.",
        ) from error
    result: dict[str, str] = {}
    for each, split in listed:
        video_id = each.rsplit("___", 1)[0]
        if result.setdefault(video_id, split) != split:
            raise ConfigError(
                f"The split file puts video {video_id!r} into {result[video_id]!r} and {split!r}.",
                "Clips of one video would then be in training and test.",
                "Give every clip of a video the same split.",
            )
    return result


def without_leaks(
    members: list[Member], fractions: Mapping[str, float], before: Mapping[str, str]
) -> tuple[list[Member], list[str]]:
    """The members that can be split without a leak, and the ids of the new ones that can't.

    What an earlier build published stays where it is, so a new video that ties two of its splits together (a copy of a
    test video by a training channel) has to stay out.
    """
    old: dict[str, set[str]] = defaultdict(set)
    for member in members:
        for tie in member.ties:
            if member.video_id in before:
                old[tie].add(before[member.video_id])
    out = {
        member.video_id
        for member in members
        if member.video_id not in before and len(set().union(*(old[tie] for tie in member.ties))) > 1
    }
    kept = [member for member in members if member.video_id not in out]
    # New videos can also bridge two splits in a chain.
    crossing = set(leaks(kept, assign(kept, fractions, before)))
    out |= {member.video_id for member in kept if member.video_id not in before and crossing & set(member.ties)}
    return [member for member in members if member.video_id not in out], sorted(out)


def leaks(members: Iterable[Member], splits: Mapping[str, str]) -> list[str]:
    """Ties that reach into more than one split: an empty list proves that nothing leaks."""
    seen: dict[str, set[str]] = defaultdict(set)
    for member in members:
        for tie in member.ties:
            if member.video_id in splits:
                seen[tie].add(splits[member.video_id])
    return sorted(tie for tie, names in seen.items() if len(names) > 1)


def _groups(members: Iterable[Member]) -> list[list[Member]]:
    """Members joined by shared ties, in the order of their first video id."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    ordered = sorted(members, key=lambda member: member.video_id)
    for member in ordered:
        for tie in member.ties:
            parent[root(tie)] = root(f"video:{member.video_id}")
    groups: dict[str, list[Member]] = defaultdict(list)
    for member in ordered:
        groups[root(f"video:{member.video_id}")].append(member)
    return list(groups.values())


def _labels(group: list[Member]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for member in group:
        counts.update(member.labels or {"": 1})
    return counts


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
