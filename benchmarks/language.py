"""How well titles are understood: `python -m benchmarks.language [--titles FILE] [--held-out] [--embed] [--json FILE]`.

Titles written for this project, with their kinds, exercises, sides and numbers, lie in `language_titles/`: English by
style, others by language. Half of them (by the hash of the title) are held out: names and rules were mended by looking at
the other half only. Precision is of the exercises that were given, recall of those that are true; a title counts as right where the
set of its exercises is; behind it its 95 % interval (Wilson's). NULL is whatever is not an exercise. Numbers are right where all of repetitions, sets and duration are.

`--nets` casts wide ones: ways to speak of an exercise and to announce one (`ways.tsv`), and all English names with gear and ways before them.
`--titles` takes a table of titles with kinds (columns kind, class, source, text), `--names` a list of exercises' names, one a line; neither is part of the project.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import math
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fimad.labels import TitleLabel, label_title, lexicon
from fimad.labels.titles import labelled

FOLDER = Path(__file__).parent / "language_titles"


@dataclass(frozen=True)
class Case:
    """A title and what it means."""

    title: str
    language: str
    style: str
    kind: str
    exercises: frozenset[str]
    side: str | None
    repetitions: int | None
    sets: int | None
    duration_s: float | None

    @property
    def held_out(self) -> bool:
        return hashlib.sha256(self.title.encode()).digest()[0] % 2 == 1


def cases() -> list[Case]:
    """All titles of the folder."""
    made: list[Case] = []
    for name in ("english", "others"):
        made.extend(_read(name))
    return made


def blind() -> list[Case]:
    """Titles that were written before anybody looked at how the matcher does on them."""
    return _read("blind")


MET = (
    *(f"met_{number}" for number in range(1, 51)),
    "met_others",
    "met_others_2",
    "met_others_3",
    "met_others_4",
    "met_others_5",
    "met_others_6",
    "met_others_7",
    "met_others_8",
    "met_others_9",
)


def met(name: str) -> list[Case]:
    """A batch of titles that was written, with its answers, before it was labelled for the first time.

    What the first labelling gave stands in docs/labels.md, of the later ones in `first_met` too; kinds of mistakes were
    mended afterwards.
    """
    return _read(name)


def first_met() -> list[dict[str, str]]:
    """What the first labelling of the later batches gave, with the answers as written and as put right."""
    with (FOLDER / "first_met.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def two_readers() -> dict[str, Any]:
    """How well a second reader agrees with the answers of batch 45, and the matcher with either, and with both where they agree."""
    with (FOLDER / "second_45.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    first = met("met_45")
    second = [
        replace(case, kind=row["kind"], exercises=frozenset(each for each in row["exercises"].split("|") if each))
        for case, row in zip(first, rows, strict=True)
    ]
    labels = [label_title(case.title) for case in first]
    told = [
        label._replace(kind=case.kind, exercises=tuple(sorted(case.exercises)))
        for label, case in zip(labels, second, strict=True)
    ]
    agreed = [
        at
        for at, (a, b) in enumerate(zip(first, second, strict=True))
        if (a.kind, a.exercises) == (b.kind, b.exercises)
    ]
    print("\nbatch 45, two readers")
    return _table(
        {
            "second against first": list(zip(first, told, strict=True)),
            "matcher against first": list(zip(first, labels, strict=True)),
            "matcher against second": list(zip(second, labels, strict=True)),
            "where both agree": [(first[at], labels[at]) for at in agreed],
        }
    )


def interval(right: float, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of `count`; (0, 1) of none."""
    if not count:
        return 0.0, 1.0
    z = 1.96
    middle = (right + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(right * (1 - right) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return middle - half, middle + half


def _read(name: str) -> list[Case]:
    with (FOLDER / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
        return [_case(row) for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]


def _case(row: dict[str, str]) -> Case:
    return Case(
        row["title"],
        row.get("language") or "en",
        row.get("style") or "language",
        row["kind"],
        frozenset(each for each in row["exercises"].split("|") if each),
        row["side"] or None,
        int(row["repetitions"]) if row["repetitions"] else None,
        int(row["sets"]) if row["sets"] else None,
        float(row["duration_s"]) if row["duration_s"] else None,
    )


def scores(pairs: Iterable[tuple[Case, TitleLabel]]) -> dict[str, Any]:
    """Precision, recall and the rest over labelled cases."""
    given = true = both = null_given = null_true = null_both = kinds = sides = numbers = count = languages = 0
    for case, label in pairs:
        count += 1
        exercises = frozenset(label.exercises)
        given, true, both = given + len(exercises), true + len(case.exercises), both + len(exercises & case.exercises)
        null_given += label.kind != "exercise"
        null_true += case.kind != "exercise"
        null_both += label.kind != "exercise" and case.kind != "exercise"
        kinds += label.kind == case.kind
        sides += label.side == case.side
        numbers += (label.repetitions, label.sets, label.duration_s) == (case.repetitions, case.sets, case.duration_s)
        languages += label.language == case.language
    precision, recall = (null_both / null_given if null_given else 1.0), (null_both / null_true if null_true else 1.0)
    return {
        "titles": count,
        "precision": both / given if given else 1.0,
        "given": given,
        "recall": both / true if true else 1.0,
        "null_f1": 2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        "kind": kinds / count,
        "side": sides / count,
        "numbers": numbers / count,
        "language": languages / count,
    }


def _table(groups: dict[str, list[tuple[Case, TitleLabel]]]) -> dict[str, Any]:
    names = ("titles", "precision", "low", "high", "recall", "null_f1", "kind", "side", "numbers", "language")
    print(f"{'':<24}" + "".join(f"{name:>11}" for name in names))
    result = {}
    for name, pairs in groups.items():
        result[name] = scores(pairs)
        result[name]["low"], result[name]["high"] = interval(result[name]["precision"], result[name]["given"])
        print(
            f"{name:<24}"
            + "".join(
                f"{result[name][each]:>11.3f}" if each != "titles" else f"{result[name][each]:>11}" for each in names
            )
        )
    return result


def _wrong(pairs: Iterable[tuple[Case, TitleLabel]]) -> None:
    for case, label in pairs:
        faults = []
        if frozenset(label.exercises) != case.exercises:
            faults.append(f"exercises {sorted(label.exercises)} for {sorted(case.exercises)}")
        if label.kind != case.kind:
            faults.append(f"kind {label.kind} for {case.kind}")
        faults += [
            f"{name} {getattr(label, name)} for {getattr(case, name)}"
            for name in ("side", "repetitions", "sets", "duration_s", "language")
            if getattr(label, name) != getattr(case, name)
        ]
        if faults:
            print(f"  {case.title!r}: {'; '.join(faults)} ({label.method})")


def speed() -> dict[str, list[float]]:
    """Titles a second on one core in each of seven passes over all titles that were written, no two alike, beside a raw loop in the same pass.

    Between the passes the labels are forgotten, so that each title is labelled anew; words that were met stay known, as in any long list.
    """
    written = list(dict.fromkeys(case.title for batch in (cases(), blind(), *map(met, MET)) for case in batch))
    label_title("squat")
    result: dict[str, list[float]] = {"titles_per_s": [], "loop_steps_per_s": [], "loop_steps_per_title": []}
    for _ in range(7):
        labelled.cache_clear()
        seconds, loop_s, steps = 0.0, 0.0, 0
        for at in range(0, len(written), 500):
            begin = time.process_time()
            for title in written[at : at + 500]:
                label_title(title)
            between = time.process_time()
            seconds += between - begin
            steps += _loop(250_000)
            loop_s += time.process_time() - between
        result["titles_per_s"].append(len(written) / seconds)
        result["loop_steps_per_s"].append(steps / loop_s)
        result["loop_steps_per_title"].append(steps / loop_s * seconds / len(written))
    return result


def _loop(steps: int) -> int:
    """What a step of a raw loop costs on this machine at this moment: one addition."""
    total = 0
    for step in range(steps):
        total += step
    return steps


def hostile_ms() -> float:
    """The slowest of some titles made to do harm, in ms."""
    made = [
        "<b>" * 1700, "(" * 5000, "a-" * 2500, "1:" * 2500, "squat with " * 500, "\u202e" * 5000, "3x" * 2500, "&amp;" * 1000,
        "push up and " * 420, "left right " * 450, "\x00\x1b[31m" * 800, "１" * 5000, "ﷺ" * 5000, "深" * 5000, "s'" * 2500,
        "https://" + "a" * 5000, "single arm dumbbell " * 250, "[(" * 2500, "🔥" * 5000, "á" * 5000, "1/" * 2500, "#" * 5000,
    ]  # fmt: skip
    worst = 0.0
    for title in made:
        begin = time.process_time()
        label_title(title)
        worst = max(worst, time.process_time() - begin)
    return worst * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--titles", type=Path, help="a table of titles with kinds that is not part of the project")
    parser.add_argument("--names", type=Path, action="append", default=[], help="names of exercises, one a line")
    parser.add_argument(
        "--nets", action="store_true", help="ways to speak of exercises, and names with gear before them"
    )
    parser.add_argument("--wrong", action="store_true", help="list what is wrong in the half that is not held out")
    parser.add_argument(
        "--wrong-held-out", action="store_true", help="list what is wrong in the other half: for the record"
    )
    parser.add_argument(
        "--embed", type=Path, help="folder of a sentence-transformers model: nearest exercise of phrasings"
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    lexicon()
    label_title("squats")
    pairs = [(case, label_title(case.title)) for case in cases()]
    result: dict[str, Any] = {}
    for name, chosen in (
        ("open half", [pair for pair in pairs if not pair[0].held_out]),
        ("held-out half", [pair for pair in pairs if pair[0].held_out]),
        ("written blind", [(case, label_title(case.title)) for case in blind()]),
        *((name, [(case, label_title(case.title)) for case in met(name)]) for name in MET),
    ):
        print(f"\n{name}")
        groups: dict[str, list[tuple[Case, TitleLabel]]] = defaultdict(list)
        five = ("de", "es", "fr", "pt", "it")
        for case, label in chosen:
            groups[
                "English" if case.language == "en" else "five languages" if case.language in five else "others"
            ].append((case, label))
        for case, label in chosen:
            groups[f"  {case.style}" if case.language == "en" else f"  {case.language}"].append((case, label))
        tables = _table(groups)
        # Of the many batches the file keeps what is English, of the five languages and of others.
        result[name] = tables if name not in MET else {key: tables[key] for key in tables if not key.startswith(" ")}
    methods = Counter(
        (label.method, frozenset(label.exercises) == case.exercises) for case, label in pairs if label.exercises
    )
    print("\nmethods (right, wrong)")
    for method in sorted({name for name, _ in methods}):
        print(f"  {method:<12}{methods[method, True]:>6}{methods[method, False]:>6}")
    result["methods"] = {f"{name}{'' if right else ' wrong'}": count for (name, right), count in methods.items()}
    result["two readers"] = two_readers()
    if options.wrong:
        _wrong(pair for pair in pairs if not pair[0].held_out)
    if options.wrong_held_out:
        _wrong(pair for pair in pairs if pair[0].held_out)
    if options.wrong:
        for name in MET:
            _wrong((case, label_title(case.title)) for case in met(name))
    if options.titles:
        result["titles"] = _outside(options.titles)
    for names in options.names:
        _names(names)
    if options.nets:
        result["nets"] = nets()
    if options.embed:
        result["phrasings"] = _phrasings(options.embed)
    result["as met first"] = first_met()
    passes = speed()
    result.update({name: statistics.median(each) for name, each in passes.items()}, speed_passes=passes)
    result["hostile_ms"] = hostile_ms()
    print(
        f"\n{result['titles_per_s']:.0f} titles a second (passes {min(passes['titles_per_s']):.0f} to {max(passes['titles_per_s']):.0f}), "
        f"each as long as {result['loop_steps_per_title']:.0f} steps of a raw loop, of which this machine does "
        f"{result['loop_steps_per_s'] / 1e6:.1f} million a second; the worst hostile title {result['hostile_ms']:.1f} ms"
    )
    if options.json:
        options.json.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", encoding="utf-8")


NAMED = ("squat", "push-up", "bench press", "deadlift", "plank", "kettlebell swing", "lat pulldown", "walking lunge", "hip thrust",
         "pull up", "bicep curl", "handstand", "burpee", "bird dog")  # fmt: skip
GEAR = (
    "dumbbell",
    "DB",
    "kettlebell",
    "KB",
    "barbell",
    "banded",
    "cable",
    "weighted",
    "bodyweight",
    "medicine ball",
    "TRX",
    "smith machine",
)
HOW = ("single leg", "alternating", "seated", "standing", "side", "front", "reverse", "incline", "single arm", "slow", "low impact", "lying",
       "kneeling", "half kneeling", "lateral", "jumping", "walking", "pulse")  # fmt: skip


def _said(way: str, name: str) -> str:
    """A way with the name of an exercise in it: "{}s" becomes "bench presses"."""
    return way.replace("{}s", f"{name}es" if name.endswith("s") else f"{name}s").replace("{}", name)


def nets() -> dict[str, Any]:
    """Ways that are taken for what they are not, and names that gear before them makes two or none of."""
    with (FOLDER / "ways.tsv").open(encoding="utf-8", newline="") as file:
        ways = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    result: dict[str, Any] = {}
    for done in ("no", "yes"):
        made = [_said(row["way"], name) for row in ways if row["done"] == done for name in NAMED]
        made = [title[0].upper() + title[1:] for title in made]
        wrong = [title for title in made if (label_title(title).kind == "exercise") != (done == "yes")]
        result[f"done: {done}"] = {"titles": len(made), "wrong": len(wrong)}
    exercises = lexicon().exercises
    before = [*GEAR, *HOW, *(f"dumbbell {how}" for how in HOW[:8]), *(f"{how} dumbbell" for how in HOW[:8])]
    count = wrong_names = 0
    for exercise in exercises.values():
        names = [exercise.id.replace("_", " "), *exercise.names.get("en", ())[:12]]
        if exercise.pattern in ("posture", "yoga", "stretch"):
            continue
        for name in names:
            if len(name.split()) > 3 or label_title(name).exercises != (exercise.id,):
                continue
            for each in before:
                if each.split()[-1] in name.split() or each.split()[0] in name.split():
                    continue
                count += 1
                found = label_title(f"{each} {name}").exercises
                wrong_names += len(found) != 1 or found[0] not in exercises
    result["names with gear and ways before them"] = {"titles": count, "wrong": wrong_names}
    print("\nnets: " + "; ".join(f"{name} {each}" for name, each in result.items()))
    return result


def _names(path: Path) -> None:
    labels = [label_title(line.strip()) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    exercise, named = sum(each.kind == "exercise" for each in labels), sum(bool(each.exercises) for each in labels)
    print(
        f"\n{path.name}: {len(labels)} names, {exercise / len(labels):.3f} exercises, {named / len(labels):.3f} with an id"
    )


def _phrasings(model: Path) -> dict[str, dict[str, Any]]:
    """Nearest exercise of phrasings that the taxonomy does not have, by embeddings; and what words make of them."""
    from sentence_transformers import SentenceTransformer

    from fimad.labels.descriptions.embedding import NearestExercise

    encoder = SentenceTransformer(str(model), device="cpu", local_files_only=True)
    nearest = NearestExercise(lambda texts: encoder.encode(list(texts), normalize_embeddings=True))
    return {name: _nearest(nearest, name) for name in ("phrasings", "phrasings_fresh")}


def _nearest(nearest: Any, name: str) -> dict[str, Any]:
    with (FOLDER / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    found = nearest.nearest([row["phrase"] for row in rows], 5)
    ranks = [
        [name for name, _ in each].index(row["exercise"]) if row["exercise"] in dict(each) else 9
        for row, each in zip(rows, found, strict=True)
    ]
    words = sum(label_title(row["phrase"]).exercises == (row["exercise"],) for row in rows)
    result = {
        "phrasings": len(rows),
        "first": sum(rank == 0 for rank in ranks) / len(rows),
        "among_5": sum(rank < 5 for rank in ranks) / len(rows),
        "words_alone": words / len(rows),
    }
    for least in (0.6, 0.7, 0.8):
        near = [(row["exercise"], each[0]) for row, each in zip(rows, found, strict=True) if each[0][1] >= least]
        result[f"as near as {least}"] = f"{sum(right == given for right, (given, _) in near)} of {len(near)}"
    print(f"\n{name}: " + ", ".join(f"{key} {value}" for key, value in result.items()))
    return result


def _outside(path: Path) -> dict[str, Any]:
    wanted = {"exercise": "exercise", "multi": "exercise", "multi_trap": "exercise", "null": "NULL", "section": "NULL"}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    with path.open(encoding="utf-8", newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            label = label_title(row["text"])
            kind = "exercise" if label.kind == "exercise" else "NULL"
            counts[row["kind"]]["titles"] += 1
            counts[row["kind"]]["right kind"] += kind == wanted.get(row["kind"], kind)
            counts[row["kind"]]["named"] += bool(label.exercises)
            counts[row["kind"]]["several"] += len(label.exercises) > 1
    print(f"\n{path.name}")
    for kind, each in counts.items():
        print(f"  {kind:<14}" + ", ".join(f"{name} {count}" for name, count in each.items()))
    return {kind: dict(each) for kind, each in counts.items()}


if __name__ == "__main__":
    main()
