"""The taxonomy of exercises and the vocabulary of titles, loaded once and indexed for matching."""

from __future__ import annotations

import gc
import re
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any

from fimad.labels.context.movements import BODY, HEADS
from fimad.labels.text import canonical, clean, tokens

KINDS = ("exercise", "rest", "section", "talk", "other")


@dataclass(slots=True)
class Entry:
    """What a name stands for.

    Parameters
    ----------
    type : ``exercise``, or another kind of clip (``rest``, ``section``, ``talk``, ``other``).
    id : of the exercise; else the phrase itself.
    languages : in which it is said so.
    weak : counts only where nothing else is said.
    headless : names no movement ("incline dumbbell", "dumbbell side"): before another name it says how that is done.
    """

    type: str
    id: str
    languages: frozenset[str]
    weak: bool
    headless: bool = False


@dataclass(frozen=True)
class Exercise:
    """One exercise of the taxonomy.

    Parameters
    ----------
    id : stable name in snake case.
    parent : the exercise that it is a kind of, "" for none.
    names : what it is called, by language, without those that only count alone.
    """

    id: str
    parent: str
    pattern: str
    body: tuple[str, ...]
    position: str
    equipment: tuple[str, ...]
    names: dict[str, tuple[str, ...]] = field(repr=False)


# What a word of a name counts for by what it is the name of, and how much of that if the name counts only alone.
VALUES = {"exercise": 10.0, "rest": 7.0, "section": 4.0, "talk": 6.0, "other": 4.0}
WEAK = 0.35


class Node:
    """A node of the trie of names: by canonical word.

    Parameters
    ----------
    worth : what each word of the name counts for; None where that depends on more than the name.
    """

    __slots__ = ("entries", "next", "worth")

    def __init__(self) -> None:
        self.next: dict[str, Node] = {}
        self.entries: list[Entry] = []
        self.worth: float | None = None


def words_of(name: str) -> tuple[str, ...]:
    """A name as its canonical words; numbers and fractions are words, signs are nothing."""
    if _PLAIN.fullmatch(name):
        # Nothing to clean, as in most names.
        return tuple(join_limbs([word for each in name.split() for word in canonical(each)]))
    return tuple(join_limbs([word for token in tokens(clean(name)) for word in _words(token)]))


def _words(token: Any) -> Iterable[str]:
    if token.kind == "w":
        # "21s": the letter belongs to the number before it.
        return () if token.glued and token.text == "s" else canonical(token.text)
    if token.kind in ("n", "f"):
        return (token.text,)
    if token.text == "&":
        return ("and",)
    return ()


# Words of small letters, none of them spelt out, shortened or joined by `text.clean`.
_PLAIN = re.compile(r"(?!.* (?:as|bag|bell|if|man))[a-z]{2,}(?: [a-z]{2,})*")
_ONE = frozenset(("single", "1", "one"))


def join_limbs(words: list[str]) -> list[str]:
    """ "Single arm", "one arm", "1 arm" become one word, and so do legs."""
    if not _ONE.isdisjoint(words):
        joined: list[str] = []
        for word in words:
            if word in ("arm", "leg", "hand") and joined and joined[-1] in _ONE:
                joined[-1] = "1leg" if word == "leg" else "1arm"
            else:
                joined.append(word)
        return joined
    return words


@dataclass
class Lexicon:
    """Everything that titles are matched against. Made by `lexicon()`; treat it as read-only."""

    version: int
    exercises: dict[str, Exercise]
    root: Node
    # What names begin with that mean several things, of which a title's language chooses one.
    ambiguous: frozenset[str]
    # The words of a name in any order, for names of two words and more.
    bags: dict[frozenset[str], Entry]
    words: frozenset[str]
    exercise_words: frozenset[str]
    # Of these the ones that English names have.
    english_words: frozenset[str]
    # English names of two to four words.
    english_names: frozenset[tuple[str, ...]]
    number_words: frozenset[str]
    modifiers: frozenset[str]
    fillers: frozenset[str]
    equipment: dict[tuple[str, ...], str]
    sides: dict[tuple[str, ...], str]
    # Equipment of one word; then what names of equipment and words for sides begin with.
    gear: frozenset[str]
    gear_words: frozenset[str]
    side_words: frozenset[str]
    units: dict[str, str]
    languages: dict[str, frozenset[str]]
    # Function words that English does not have.
    foreign: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    # Common words that are near to words of exercises and are no misspelt ones.
    spelt_right: frozenset[str]
    # They say how, where and with what, and none of them what is done.
    quiet: frozenset[str]

    def ancestors(self, exercise: str) -> Iterator[str]:
        """The exercise itself, then what it is a kind of, and so on."""
        while exercise:
            yield exercise
            known = self.exercises.get(exercise)
            exercise = known.parent if known else ""


@cache
def taxonomy_version() -> int:
    """The taxonomy's version alone, which stands before its first table: the rest takes a quarter of a second to read."""
    head, _, _ = _text("taxonomy.toml").partition("\n[")
    version: int = tomllib.loads(head)["version"]
    return version


@cache
def load_taxonomy() -> tuple[int, dict[str, Exercise]]:
    """The taxonomy's version and its exercises by id."""
    data = _taxonomy_toml()
    found = {
        name: Exercise(
            name,
            each.get("parent", ""),
            each["pattern"],
            tuple(each["body"]),
            each.get("position", ""),
            tuple(each.get("equipment", ())),
            {
                language: tuple(alias for alias in names if not alias.startswith("~"))
                for language, names in {"en": [], **each.get("names", {})}.items()
            },
        )
        for name, each in data["exercise"].items()
    }
    return data["version"], found


@cache
def _taxonomy_toml() -> dict[str, Any]:
    return _toml("taxonomy.toml")


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads(_text(name))


def _text(name: str) -> str:
    return resources.files("fimad.labels").joinpath(name).read_text(encoding="utf-8")


_POSTURES = frozenset(("posture", "gesture", "sport", "balance", "throw"))
# Names of one word that say other things as well: of talk, of songs, of objects. They count where nothing else is said.
_AMBIGUOUS = frozenset([
    "bench", "bounce", "bound", "box", "boxer", "boxing", "hook", "jab", "spin", "ride", "cycle", "stair",
    "sit", "stand", "rainbow", "swimmer", "butterfly", "tree", "pigeon", "crow", "cobra", "dancer",
    "puppy", "lizard", "boat", "banana", "bear", "crab", "candle", "commando", "dolphin", "hollow",
    "hundred", "chin", "catch", "knock", "throw", "hug", "scorpion", "skier", "ski", "suicide", "stride",
    "treadmill", "warrior", "plow", "plough", "penguin", "pointer", "pogo", "russian",
    "stepper", "teaser", "tire", "twister", "vacuum", "wiper", "pyramid", "pendulum", "goddess",
    "locust", "mambo", "weave", "kick", "jump", "erg", "rower", "sled", "lumberjack", "triangle",
    "eagle", "child", "camel", "sphinx", "shimmy", "corkscrew", "copenhagen", "romanian", "bulgarian",
    "nordic", "arnold", "lawnmower", "beetle", "star", "swim", "clean", "jerk",
    "bastard", "bike", "biking", "dub", "farmer", "gm", "goblet", "hugger", "mc", "mogul", "preacher", "ragdoll", "renegade",
    "riding", "slalom", "spinning", "spiderman", "ssh", "du", "sweeper", "surrender", "straddle", "rollover", "skiing", "skii",
    "albero", "arbol", "arbre", "arvore", "banane", "bananeira", "bateau", "barca", "barco", "baum", "boot", "ciseau", "concha",
    "coquillage", "crabe", "caranguejo", "cangrejo", "granchio", "dreieck", "triangolo", "triangulo", "enfant", "escada",
    "escalera", "escalier", "fahrrad", "bicicleta", "bicicletta", "bicyclette", "bici", "velo", "farfalla", "borboleta",
    "mariposa", "papillon", "schmetterling", "forbice", "forbici", "gato", "gatto", "guerreiro", "guerrero", "guerrier",
    "guerriero", "krieger", "kaefer", "kafer", "krabbe", "marcha", "marche", "marcia", "marsch", "molino", "moulin", "mulino",
    "moinho", "muschel", "oiseau", "pajaro", "orso", "urso", "oso", "paloma", "pombo", "piccione", "taube", "pinguim",
    "pinguino", "pinguin", "presse", "pressa", "raupe", "oruga", "rana", "schere", "tesoura", "tijera", "sfinge", "esfinge",
    "treppe", "treno", "trineo", "slitta", "pont", "ponte", "puente", "brucke", "bruecke", "brug", "golpe", "direct", "direto",
    "diretti", "pugno", "puno", "calcio", "calci", "gancho", "cristo", "bruco", "abdo", "abdominaux", "addominali",
    "flamingo", "flutter", "mermaid", "cannonball", "cocoon", "helicopter", "gate", "bird", "planche",
    "pistol", "zottman", "bowl", "serve", "clap", "walk", "oyster", "spidermans", "bridge", "row",
    "fly", "press", "swing", "curl", "twist", "hop", "skip", "chop", "shuffle", "scissor", "bicycle",
    "accelerate", "acceleration", "aquaman", "candlestick", "caterpillar", "charleston", "crucifix", "dart", "dash", "firefly",
    "grasshopper", "hillbilly", "hula", "mitt", "mosey", "pretzel", "shoelace",
    "shuttle", "staff", "starfish", "superwoman", "supermen", "tapioca", "typewriter", "weaving", "yoke",
    "pull", "push", "rowing", "cycling", "swimming", "21", "360", "split", "frog", "beast",
])  # fmt: skip
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})


@cache
def lexicon() -> Lexicon:
    """The index of taxonomy and vocabulary; made at the first call, in about a second."""
    with without_collection():
        return _made()


@contextmanager
def without_collection() -> Iterator[None]:
    """Within this nobody looks for garbage: among half a million objects that all stay, it takes half of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _made() -> Lexicon:
    version, exercises = load_taxonomy()
    vocabulary = _toml("vocabulary.toml")
    raw = _taxonomy_toml()["exercise"]
    circumstances = {
        key[0]
        for section in ("equipment", "modifiers")
        for names in vocabulary[section].values()
        for key in map(words_of, names)
        if len(key) == 1
    }
    found: dict[tuple[str, ...], dict[tuple[str, str], tuple[set[str], bool]]] = {}

    def add(name: str, language: str, kind: str, id_: str, weak: bool = False) -> None:
        spellings = [name, name.translate(_UMLAUTS)] if language == "de" else [name]
        for spelling in spellings:
            key = words_of(spelling)
            if key:
                # "Standing", "biceps": how or what with, more often than what.
                if kind == "exercise" and exercises[id_].pattern == "posture":
                    weak = True
                elif kind == "exercise" and len(key) == 1:
                    ambiguous = key[0] in circumstances or key[0] in _AMBIGUOUS
                    weak = weak or ambiguous or exercises[id_].pattern in _POSTURES
                languages, was_weak = found.setdefault(key, {}).setdefault((kind, id_), (set(), weak))
                languages.add(language)
                found[key][(kind, id_)] = (languages, was_weak and weak)

    for name in exercises:
        add(name.replace("_", " "), "en", "exercise", name)
        for language, aliases in raw[name].get("names", {}).items():
            for alias in aliases:
                add(alias.lstrip("~"), language, "exercise", name, alias.startswith("~"))
    for key in [key for key in found if ("push", "up") in pairwise(key)]:
        # British: "clapping press-ups".
        at = next(at for at in range(len(key)) if key[at : at + 2] == ("push", "up"))
        spoken = {
            meaning: (set(languages), weak) for meaning, (languages, weak) in found[key].items() if "en" in languages
        }
        if spoken:
            found.setdefault((*key[:at], "press", *key[at + 1 :]), spoken)
    for kind in KINDS[1:]:
        for language, phrases in vocabulary[kind].items():
            for phrase in phrases:
                name = phrase.lstrip("~")
                add(name, language, kind, name, phrase.startswith("~"))

    quiet = _without_movement(vocabulary)
    own_name = {id_: words_of(id_) for id_ in exercises}
    root = Node()
    bags: dict[frozenset[str], Entry] = {}
    vocabulary_words: set[str] = set()
    exercise_words: set[str] = set()
    english_words: set[str] = set()
    pairs: set[tuple[str, str]] = set()
    for key, meanings in found.items():
        node = root
        for word in key:
            node = node.next.setdefault(word, Node())
        for (kind, id_), (languages, weak) in meanings.items():
            headless = kind == "exercise" and len(key) > 1 and key != own_name[id_] and quiet.issuperset(key)
            entry = Entry(kind, id_, frozenset(languages), weak, headless)
            node.entries.append(entry)
            node.worth = VALUES[kind] * (WEAK if weak else 1.0) if len(meanings) == 1 and kind != "other" else None
            if kind == "exercise" and not weak and len(set(key)) > 1:
                known = bags.get(frozenset(key))
                if known is None or ("en" in languages and "en" not in known.languages):
                    bags[frozenset(key)] = entry
        vocabulary_words.update(key)
        if any(kind == "exercise" for kind, _ in meanings):
            exercise_words.update(key)
            if any(kind == "exercise" and "en" in languages for (kind, _), (languages, _) in meanings.items()):
                english_words.update(key)
        pairs.update(pairwise(key))
    equipment = _phrases(vocabulary["equipment"])
    sides = _phrases(vocabulary["side"])
    languages_of: dict[str, set[str]] = {}
    small: dict[str, set[str]] = {"fillers": set(), "modifiers": set()}
    for section, words in small.items():
        for language, phrases in vocabulary[section].items():
            for phrase in phrases:
                key = words_of(phrase)
                words.update(key)
                if section == "fillers":
                    for word in key:
                        languages_of.setdefault(word, set()).add(language)
    for key in (*equipment, *sides):
        vocabulary_words.update(key)
    vocabulary_words |= small["modifiers"] | small["fillers"]
    units = {unit: kind for kind, names in vocabulary["units"].items() for name in names for unit in _unit_forms(name)}
    return Lexicon(
        version,
        exercises,
        root,
        frozenset(key[0] for key, meanings in found.items() if len(meanings) > 1),
        bags,
        frozenset(vocabulary_words),
        frozenset(exercise_words),
        frozenset(english_words),
        frozenset(
            key
            for key, meanings in found.items()
            if 2 <= len(key) <= 4
            and any(kind == "exercise" and "en" in spoken for (kind, _), (spoken, _) in meanings.items())
        ),
        frozenset(word for word in vocabulary_words if word[0].isdigit()),
        frozenset(small["modifiers"] | {"1arm", "1leg"}),
        frozenset(small["fillers"] - {"up", "down", "out"}),
        equipment,
        sides,
        frozenset(key[0] for key in equipment if len(key) == 1),
        frozenset(key[0] for key in equipment),
        frozenset(key[0] for key in sides),
        units,
        {word: frozenset(each) for word, each in languages_of.items()},
        # "Clamshell L": of the left more often than French.
        frozenset(word for word, each in languages_of.items() if "en" not in each and word != "l"),
        frozenset(pairs),
        frozenset(vocabulary["not_misspelt"]["en"].split()),
        quiet,
    )


def _without_movement(vocabulary: dict[str, Any]) -> frozenset[str]:
    """Words that say how, where and with what, and none that says what is done."""
    how = {word for phrase in vocabulary["modifiers"]["en"] for word in words_of(phrase)}
    gear = {word for names in vocabulary["equipment"].values() for name in names for word in words_of(name)}
    # "In and out" is a movement.
    return frozenset((how | gear | BODY | {"lateral"}) - HEADS - {"in", "out"})


def _unit_forms(name: str) -> set[str]:
    return {clean(name), *words_of(name)} if " " not in name else {clean(name)}


def _phrases(section: dict[str, list[str]]) -> dict[tuple[str, ...], str]:
    return {words_of(name): value for value, names in section.items() for name in names if words_of(name)}
