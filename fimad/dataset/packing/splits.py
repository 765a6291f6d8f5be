"""Who goes into which split: videos of one channel, and copies of one video, stay together.

A corpus may have millions of videos, so what is known of them is held in columns of numbers, a few bytes each.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fimad.errors import ConfigError

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Member:
    """What splitting needs to know of a video.

    Parameters
    ----------
    ties : names that bind videos together: the channel, the media file's hash, a shared performance.
    labels : number of clips by label.
    """

    video_id: str
    ties: tuple[str, ...]
    labels: Counter[str] = field(default_factory=Counter)


@dataclass
class Members:
    """The same of all videos, in the order of their ids.

    Parameters
    ----------
    tie_rows, ties : (t,) a video's row and a tie's number, for each tie that a video has.
    tie_name : the name of a tie, by its number.
    label_names : of each label.
    kinds : (n,) which row of the label counts is each video's: videos of the same labels share one.
    counts : by kind, the (label, number of clips) of it.
    """

    video_ids: Sequence[str]
    tie_rows: Ints
    ties: Ints
    tie_name: Callable[[int], str]
    label_names: Sequence[str]
    kinds: Ints
    counts: Sequence[tuple[tuple[int, int], ...]]

    def __len__(self) -> int:
        return len(self.video_ids)

    @classmethod
    def of(cls, members: Iterable[Member]) -> Members:
        """From single ones."""
        ordered = sorted(members, key=lambda member: member.video_id)
        names: dict[str, int] = {}
        labels: dict[str, int] = {}
        rows = [row for row, member in enumerate(ordered) for _ in member.ties]
        ties = [names.setdefault(tie, len(names)) for member in ordered for tie in member.ties]
        counts = [
            tuple((labels.setdefault(name, len(labels)), count) for name, count in member.labels.items())
            for member in ordered
        ]
        told = list(names)
        return cls(
            [member.video_id for member in ordered],
            np.array(rows, np.int64),
            np.array(ties, np.int64),
            told.__getitem__,
            list(labels),
            np.arange(len(ordered)),
            counts,
        )

    def keep(self, mask: NDArray[np.bool_]) -> Members:
        """Some of the videos."""
        if mask.all():
            return self
        number = np.cumsum(mask) - 1
        tied = mask[self.tie_rows]
        return Members(
            [video_id for video_id, kept in zip(self.video_ids, mask.tolist(), strict=True) if kept],
            number[self.tie_rows[tied]],
            self.ties[tied],
            self.tie_name,
            self.label_names,
            self.kinds[mask],
            self.counts,
        )

    def codes(self, splits: Mapping[str, str], names: Sequence[str]) -> NDArray[np.int16]:
        """(n,) the number of each video's split among `names`, -1 for none."""
        number = {name: at for at, name in enumerate(names)}
        found = (number[splits[each]] if each in splits else -1 for each in self.video_ids)
        return np.fromiter(found, np.int16, len(self.video_ids))

    def groups(self) -> tuple[int, Ints]:
        """How many groups there are, and (n,) each video's: joined by shared ties, directly or through others, in the order of
        their first video."""
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        count = len(self.video_ids)
        if not count:
            return 0, np.zeros(0, np.int64)
        size = count + (int(self.ties.max()) + 1 if len(self.ties) else 0)
        ones = np.ones(len(self.ties), np.int8)
        joined = coo_matrix((ones, (self.tie_rows, self.ties + count)), shape=(size, size))
        _, found = connected_components(joined, directed=False)
        _, first, number = np.unique(found[:count], return_index=True, return_inverse=True)
        rank = np.empty(len(first), np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        return len(first), rank[number]

    def tie_range(self, codes: NDArray[np.int16]) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """The lowest and the highest split of each tie's videos; of one without any, the lowest is above the highest."""
        count = int(self.ties.max()) + 1 if len(self.ties) else 0
        low, high = np.full(count, np.iinfo(np.int16).max, np.int16), np.full(count, -1, np.int16)
        known = codes[self.tie_rows] >= 0
        ties, mine = self.ties[known], codes[self.tie_rows[known]]
        np.minimum.at(low, ties, mine)
        np.maximum.at(high, ties, mine)
        return low, high

    def crossing(self, splits: Mapping[str, str]) -> Ints:
        """The ties whose videos are in more than one split."""
        low, high = self.tie_range(self.codes(splits, sorted(set(splits.values()))))
        return np.flatnonzero(high > low)


def assign(members: Members, fractions: Mapping[str, float], before: Mapping[str, str] | None = None) -> dict[str, str]:
    """Split of each video id.

    Groups (videos that share a tie, directly or through others) are dealt largest first to the split that lacks most of
    their labels, and of clips at all; no split stays empty while there are groups for it. `before` is kept: a group with a
    member that was assigned earlier goes where that is, so that an appended dataset keeps its splits. The result depends on
    nothing but the arguments.
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
    names = list(dict.fromkeys([*targets, *sorted(set(before.values()))]))
    count, group_of = members.groups()
    earlier = members.codes(before, names)
    by_group = np.argsort(group_of, kind="stable")
    bounds = np.searchsorted(group_of[by_group], np.arange(count + 1)).tolist()
    sizes = np.array([sum(n for _, n in each) or 1 for each in members.counts], np.int64)[members.kinds]
    clips = np.bincount(group_of, sizes, minlength=count)
    labels_total = _labels(members, range(len(members)))
    clips_total = sum(labels_total.values())
    dealt: dict[str, Counter[int]] = {name: Counter() for name in names}
    dealt_clips = dict.fromkeys(names, 0)
    result = np.full(count, -1, np.int16)

    def rows(group: int) -> list[int]:
        mine: list[int] = by_group[bounds[group] : bounds[group + 1]].tolist()
        return mine

    def give(group: int, counts: Counter[int], split: str) -> None:
        dealt[split].update(counts)
        dealt_clips[split] += sum(counts.values())
        result[group] = names.index(split)

    for group in np.unique(group_of[earlier >= 0]).tolist():
        mine = rows(group)
        known = Counter(code for code in earlier[mine].tolist() if code >= 0)
        give(group, _labels(members, mine), names[known.most_common(1)[0][0]])
    fresh = np.flatnonzero(result < 0)
    first = by_group[np.array(bounds[:-1], np.int64)[fresh]].tolist()
    tie_breaks = np.array([int.from_bytes(_digest(members.video_ids[row])) for row in first], np.uint64)
    fresh = fresh[np.lexsort((tie_breaks, -clips[fresh]))]
    for number, group in enumerate(fresh.tolist()):
        counts = _labels(members, rows(group))

        def lacks(split: str, counts: Counter[int] = counts) -> float:
            """How much closer this group brings the split to its target: in label fractions, and twice that in size."""
            by_label = sum(
                n * (targets[split] - dealt[split][label] / labels_total[label]) for label, n in counts.items()
            )
            return by_label / sum(counts.values()) + 2 * (targets[split] - dealt_clips[split] / clips_total)

        # No split stays empty while there are groups for it: a validation set of one video is better than none.
        empty = [split for split in targets if not dealt_clips[split]]
        if len(fresh) - number <= len(empty):
            give(group, counts, max(empty, key=lambda split: targets[split]))
        else:
            give(group, counts, max(targets, key=lambda split: (lacks(split), targets[split])))
    # Where a new video ties two old groups, the old rows stay where readers have them; `leaks` tells of it.
    codes = np.where(earlier >= 0, earlier, result[group_of] if count else earlier)
    return {video_id: names[code] for video_id, code in zip(members.video_ids, codes.tolist(), strict=True)}


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
    members: Members, fractions: Mapping[str, float], before: Mapping[str, str]
) -> tuple[Members, list[str]]:
    """The members that can be split without a leak, and the ids of the new ones that can't.

    What an earlier build published stays where it is, so a new video that ties two of its splits together (a copy of a
    test video by a training channel) has to stay out.
    """
    earlier = members.codes(before, sorted(set(before.values())))
    low, high = members.tie_range(earlier)
    most = np.iinfo(np.int16).max
    lowest, highest = np.full(len(members), most, np.int16), np.full(len(members), -1, np.int16)
    np.minimum.at(lowest, members.tie_rows, low[members.ties])
    np.maximum.at(highest, members.tie_rows, high[members.ties])
    out = (earlier < 0) & (highest > lowest)
    kept = members.keep(~out)
    gone = [members.video_ids[row] for row in np.flatnonzero(out).tolist()]
    # New videos can also bridge two splits in a chain.
    crossing = kept.crossing(assign(kept, fractions, before))
    if len(crossing):
        bridges = np.zeros(len(kept), bool)
        bridges[kept.tie_rows[np.isin(kept.ties, crossing)]] = True
        bridges &= earlier[~out] < 0
        gone += [kept.video_ids[row] for row in np.flatnonzero(bridges).tolist()]
        kept = kept.keep(~bridges)
    return kept, sorted(gone)


def leaks(members: Members, splits: Mapping[str, str]) -> list[str]:
    """Ties that reach into more than one split: an empty list proves that nothing leaks."""
    return sorted(members.tie_name(tie) for tie in members.crossing(splits).tolist())


def _labels(members: Members, rows: Iterable[int]) -> Counter[int]:
    """Clips by label, of some videos; -1 is that of a video without any."""
    counts: Counter[int] = Counter()
    for kind in members.kinds[list(rows)].tolist():
        counts.update(dict(members.counts[kind]) or {-1: 1})
    return counts


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:8]
