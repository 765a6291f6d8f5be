"""Titles that speak of an exercise and don't do it: "My pull-up journey", "Squat shoes", "Are burpees overrated".

What a title is about is the last noun before a preposition ("squat *stance*", "*results* after planks"); questions, first persons
and verbs of learning tell talk as well. English only: for other languages the words of talk in the vocabulary have to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fimad.labels.context.asked import OF_QUESTIONS, PERSONS, QUESTIONS, in_an_exercise, is_asked, undertakes
from fimad.labels.context.movements import BODY, PREPOSITIONS
from fimad.labels.context.sentences import OF_SENTENCES, said_of
from fimad.labels.matching import Match
from fimad.labels.taxonomy import lexicon
from fimad.labels.text import canonical

_BREAKS = frozenset('|,;:>+/.!-"#')


def _words(text: str) -> frozenset[str]:
    return frozenset(form for word in text.split() for form in canonical(word))


# Nouns that no exercise ends with. What they follow is what they are about.
_ABOUT = _words(
    "journey story shoes sneakers belt sleeves wraps straps gloves chalk record history progress setup cue cues tip tips trick tricks "
    "hack hacks mistake mistakes error errors fault faults fix fixes problem problems issue issues pain injury injuries safety "
    "science study studies research data result results transformation template plan program programme calculator review reviews "
    "comparison alternative alternatives substitute replacement theory mechanics biomechanics physics physiology anatomy "
    "benefit benefits danger dangers risk risks warning reason reasons purpose question questions answer answers interview podcast "
    "reaction critique analysis breakdown tutorial masterclass lesson seminar workshop certification technique execution "
    "myth myths guide explanation introduction intro outro overview summary recap importance frequency programming periodization "
    "plateau gear product brand store price cost description code discount sponsor promo merch giveaway video "
    "videos channel website blog article ebook book pdf preview announcement debate opinion thoughts advice facts secret secrets "
    "standards checklist faq demo explained overrated underrated ranked ranking recommendations goals expectations "
    "journal diary update updates news rant confession obsession addiction culture community shop deal giveaway unboxing haul "
    "tracker statistics stats react reacts tour log compared year years assembly maintenance repair essentials highlights options installation warranty delivery vlog accessory accessories trend photo photos picture pictures scandal gameplay recipe sale wallpaper movie film trailer episode season scene costume meme drawing etiquette lore lockout tax photoshoot man woman inventor legend truth types brands racing trip laugh fail fails shampoo soap toy toys documentary museum restaurant cafe hotel album lyrics chords tattoo logo font knitting crochet fabric jacket shirt pants dress hat cake cookie soup salad sauce sandwich cocktail beer wine comic cartoon anime villain festival parade contest championship competition auction insurance law lawsuit election limit capacity storage footprint noise guideline guidelines evidence strategy selection torque kinematics kinetics velocity objectives comeback motivation mindset inspiration walkthrough fundamentals nutrition hormones health spreadsheet sheet list policy budget stock stocks market prank pranks infomercial advert timeline timelines compilation throwback joke jokes bloopers blooper experiment experiments launch misconception misconceptions hater haters fan fans requirement requirements prerequisite prerequisites"
)  # fmt: skip
# Of these only what stands right behind the name: "lat pulldown wide grip" is a pulldown.
_ABOUT_BEHIND = _words(
    "stance grip width depth form angle placement path cadence muscles rack weight weights volume intensity strength numbers"
)
# And these only before it: "foot position for squats"; a plank position is a plank.
_ABOUT_BEFORE = _words(
    "position placement form stance grip width depth muscles weight weights days weeks months years volume rules word words note notes life mail relationship case activation"
)
_CLAIMS = _words("suck sucks hurt hurts overrated underrated boring useless dangerous  pointless")
SOUNDS = _words("song songs playlist remix soundtrack music mixtape anthem track")
_MINE = frozenset(["my", "i've", "i'm", "im", "ive", "mine"])
_ME = frozenset(["i'm", "i've"])
_THEIRS = frozenset(["his", "her", "their"])
# Before a colon they say what the title is: "Today's plan: heavy squats". Others lead on to what is done: "alternative: planks".
_NOTES = _words(
    "plan goal goals question questions problem myth tip tips trick hack mistake mistakes fault error reason fact facts myths topic lesson story "
    "journey history update news review results science study research analysis debate opinion advice rule rules reminder record mail message inbox rant spoiler psa disclaimer vlog confession hype tool con"
)
_DONE_BY_ME = frozenset(
    canonical(word)[0]
    for word in ["use", "used", "do", "did", "does", "stopped", "stop", "started", "start", "hate", "love", "loved", "like", "liked", "tried", "try", "train", "trained", "was", "am", "have", "had", "got", "get", "hit", "learned", "learnt", "never", "always", "can", "can't", "cant", "don't", "dont", "do", "will", "would", "want", "wanted", "think", "thought", "prefer", "skip", "skipped", "quit", "built", "gained", "lost", "made", "make", "need", "added", "changed", "dropped", "lift", "lifted", "bench", "eat", "ate", "recommend", "teach", "program", "warm"]
)  # fmt: skip
_VERBS = frozenset(
    canonical(word)[0]
    for word in ["is", "are", "was", "were", "make", "makes", "made", "help", "helps", "hurt", "hurts", "suck", "sucks", "vs", "versus", "builds", "isn't", "aren't", "doesn't", "don't", "dont", "won't", "can", "will", "should", "cause", "causes", "went", "goes", "grew", "improved", "saved", "ruined", "changed", "fixed", "beats", "beat"]
)  # fmt: skip
_LEARNING = frozenset(
    canonical(word)[0]
    for word in ["mastering", "master", "unlock", "unlocking", "learn", "learning", "improve", "improving", "fix", "fixing", "understand", "understanding", "choose", "choosing", "perfecting", "teaching", "explaining", "discussing", "comparing", "reviewing", "testing", "programming", "increase", "increasing", "introducing", "struggling", "avoid", "avoiding", "debunking", "ranking", "rating", "reacting", "discover", "discovering", "announcing", "buying", "fixing", "optimizing", "achieve", "achieving", "track", "tracking", "measuring", "stop", "quit", "join", "struggle", "correcting", "diagnosing", "demystifying", "getting", "adding", "rate", "easiest", "fastest", "quickest", "most", "guess", "ranking", "imagine", "reacting", "analyzing", "analysing", "tips", "talk", "talking", "chat", "chatting", "discuss", "debating", "filming", "modifying", "rehabbing", "conquering", "surviving", "loving", "hating", "coaching", "cueing", "judging", "scoring", "scaling", "spotting", "fueling", "fuelling", "preparing", "rebuilding", "building", "nailing", "failing", "missing", "quitting", "studying", "researching", "rethinking", "overcoming"]
)  # fmt: skip
# What leads on to an exercise by way of "for": "time for squats"; of all else "for" makes a purpose: "warm up for squats".
_LEADING = frozenset(
    [
        "time",
        "ready",
        "set",
        "up",
        "next",
        "turn",
        "in",
        "on",
        "it",
        "go",
        "down",
        "drop",
        "prepare",
        "back",
        "minute",
        "second",
    ]
)
_FORBIDDING = frozenset(["don't", "don", "dont", "avoid", "never", "quit"])
# What others do with an exercise: "dog joins the plank".
_TOLD = _words("joins explains invented teaches interrupts attempts ruins demonstrates reviews reacts says")
# "*Third* attempt deadlift" is one of a meet.
_ATTEMPTED = (["first"], ["second"], ["third"], ["st"], ["nd"], ["rd"], ["last"], ["final"])
_AIMS = _words(
    "weight fat beginners longevity runners hypertrophy growth mass everyone women men seniors athletes people adults dummies"
)
_POSITIONS = _words("position placement path depth alignment angle tempo") | _ABOUT
_WORN = frozenset(["resistance", "mini", "loop", "elastic", "booty", "long", "light", "medium", "heavy", "yoga"])
_SO = frozenset(["high", "low", "wide", "narrow", "close", "neutral"])
_OR_BAD = frozenset(["bad", "myth", "overrated", "foe", "fiction", "hype", "fad", "waste", "bust", "scam", "die"])
# From so many words on a verb makes a sentence; "the benefits of" stands at a beginning.
_SENTENCE, _OPENING = 6, 4
_PREDICATES = frozenset(
    ["is", "are", "isn't", "aren't", "has", "have", "can", "can't", "doesn't", "don't", "should", "cause", "promote"]
)
_DISMISSED = frozenset(["avoid", "overrated", "underrated", "worst"])
_RELATIVE = frozenset(["that", "which", "who"])
_SPANS = frozenset(["day", "week", "month", "year"])
_NEEDED = frozenset(["need", "should", "must", "can", "have", "haven't", "never", "don't", "didn't", "aren't"])
_TURN = frozenset(["next", "up", "now", "first", "last", "it", "our", "final", "exercise", "move", "the", "coming"])
_ENDS = frozenset(
    ["health", "longevity", "performance", "aging", "ageing", "hormone", "metabolism", "mortality", "posture"]
)
_AILING = frozenset(["pain", "injury", "arthritis", "sciatica", "injuries", "tendonitis", "impingement", "scoliosis"])
_BETTER = frozenset(
    ["better", "bigger", "stronger", "deeper", "faster", "improved", "perfect", "safer", "healthier", "heavier"]
)
_JUDGED = frozenset(
    [
        "best",
        "worst",
        "favorite",
        "favourite",
        "perfect",
        "safest",
        "favorites",
        "correct",
        "incorrect",
        "wrong",
        "ideal",
        "optimal",
        "underrated",
        "overrated",
    ]
)

# Without one of these, and without a verb in -ing before its exercise, no title is about something else.
_TELLING = (
    OF_SENTENCES
    | OF_QUESTIONS
    | _ABOUT
    | _ABOUT_BEHIND
    | _ABOUT_BEFORE
    | _CLAIMS
    | SOUNDS
    | _MINE
    | _THEIRS
    | _NOTES
    | _VERBS
    | _LEARNING
)
_TELLING |= _FORBIDDING | _TOLD | _POSITIONS | _DISMISSED | _ENDS | _AILING | _JUDGED | frozenset(
    ["vs", "versus", "or", "over", "for", "if", "day", "pick", "you'll", "wrong", "challenge", "better", "build", "missed", "painfree",
     "life", "doe", "tried", "top", "try", "instead", "stop"]
)  # fmt: skip


def about(words: Sequence[str], named: Sequence[Match]) -> tuple[str, list[str]]:
    """The kind of a title that names exercises (`named`) but is about something else, and the words that tell; "" if it isn't.

    >>> from fimad.labels import label_title
    >>> [label_title(title).kind for title in ("Squat shoes I use", "Squats in my shoes", "30 day plank challenge")]
    ['talk', 'exercise', 'section']
    """
    if not named or (_TELLING.isdisjoint(words) and not any([word[-3:] == "ing" for word in words[: named[-1].start]])):
        return "", []
    if "vs" in words or "versus" in words:
        return "talk", ["versus"]
    either = "or" in words
    if either and any(words[at] == "or" and words[at + 1] in ("no", "not") for at in range(len(words) - 1)):
        # "Bench press: arch or no arch".
        return "talk", ["or no"]
    # "Hacks" is a squat where it stands alone.
    named = [match for match in named if not match.entry.weak] or named
    size = len(words)
    for at in range(1, 1 if QUESTIONS.isdisjoint(words) else size - 1):
        if words[at - 1] in _BREAKS and words[at] in QUESTIONS and words[at + 1] not in _BREAKS:
            # "Pull-ups: where to start".
            return "talk", [words[at]]
    if size > 2 and words[-2] in ("after", "over") and words[-1].isdigit() and int(words[-1]) in range(30, 100, 5):
        # "Squatting after 60".
        return "talk", list(words[-2:])
    if either and any(words[at] == "or" and words[at + 1] in _OR_BAD for at in range(size - 1)):
        # "Sit-ups: good or bad".
        return "talk", ["or", "bad"]
    if words[-1] == "why" or ("here" in words and "why" in words):
        return "talk", ["why"]
    if len(words) > 1 and words[0] in SOUNDS and (words[1] in _BREAKS or words[1].isdigit()):
        # "Music: Run the World", "Track 4: Jump Around".
        return "other", [words[0]]
    if (words[-1] in _ENDS or words[-1] in _AILING) and _joined_to(words, named[-1].end):
        # "Sit-ups, crunches and spinal health".
        return "talk", [words[-1]]
    first = 0 if words[0][0].isalpha() else next((at for at, word in enumerate(words) if word[0].isalpha()), 0)
    start, end = _stretch(words, named[0])
    if start >= 2 and words[start - 1] == ":" and words[start - 2] in _NOTES:
        return "talk", [words[start - 2]]
    for match in named[1:]:
        # "Hip mobility for better squats".
        if match.start >= 2 and words[match.start - 1] in _BETTER and words[match.start - 2] == "for":
            return "section", ["for", words[match.start - 1]]
    if words[first] in _NOTES and words[first + 1 : first + 2] == [":"]:
        # "Tools: walking, running & zone 2".
        return "talk", [words[first]]
    colon = words.index(":") if ":" in words and ":" in words[first:] else 0
    if first < colon < named[0].start and not _DISMISSED.isdisjoint(words[first:colon]):
        # "The most overrated exercise: upright rows".
        return "talk", [":"]
    if words[first] == "if" and named[0].start > first + 1:
        return "talk", ["if"]
    if named[0].start > first:
        asked = is_asked(words, first, size)
        if asked:
            return "talk", [asked]
    for at in range(start, end - 1 if "day" in words else start):
        if words[at] == "day" and at and words[at - 1].isdigit():
            return "section", [f"{words[at - 1]} day"]
    inside = [match for match in named if match.start >= start and match.end <= end]
    last = inside[-1]
    if "pick" in words and words[words.index("pick") + 1 : words.index("pick") + 2] == ["one"]:
        # "Squat, bench or deadlift: pick one".
        return "talk", ["pick one"]
    settled = _behind(words, end, named, last) if last.end < size else None
    if settled is not None:
        return settled
    before = words[start : inside[0].start]
    kind, told = _before(words, before, start, end, inside[0]) if before or "i" in words else ("", [])
    if not kind:
        word = said_of(words, start, end, inside[0].start, last.end)
        kind, told = ("talk", [word]) if word else ("", [])
    return kind, told


def _behind(words: Sequence[str], end: int, named: Sequence[Match], last: Match) -> tuple[str, list[str]] | None:
    """What the words behind the last name up to a break (at `end`) and behind that tell; None where they settle nothing."""
    if words[last.end : last.end + 1] == ["day"] and words[last.end + 1 : last.end + 2] != ["#"]:
        # "Deadlift day warm-up".
        return "section", ["day"]
    if words[-1] in _ABOUT and "#" in words[last.end :]:
        # "Squat week 4 results".
        return "talk", [words[-1]]
    tail = words[last.end : end]
    if len(tail) > 1 and tail[-1] == "day" and not {"every", "a", "per", "each", "for", "of"}.intersection(tail):
        # "Deadlift PR attempt day".
        return "section", ["day"]
    if "during" in tail or ("for" in tail and tail[-1] in _SPANS and list(tail[-3:]) != ["for", "the", "day"]):
        # "Lunges during pregnancy", "planks for 30 days".
        return "talk", [tail[-1]]
    if list(tail[:2]) == ["and", "the"] and len(tail) > 2 and tail[-1] in BODY:
        # "Squats and the lower back".
        return "talk", list(tail[-1:])
    if len(tail) > 2 and tail[-2] == "my" and tail[0] not in PREPOSITIONS and (tail[-1] == "life" or tail[-1] in BODY):
        # "Push-ups changed my life"; "push-ups on my knees" are done.
        return "talk", list(tail[-2:])
    if tail and tail[-1] in _ENDS and not {"for", "and"}.isdisjoint(tail):
        # "Deadlifts for back health", "the push-up test and longevity".
        return "talk", [tail[-1]]
    if any(
        tail[at] in ("you", "you'll") and tail[at + 1] in _NEEDED and not {"as", "if"}.intersection(tail[:at])
        for at in range(len(tail) - 1)
    ):
        # "2 squat drills you need"; "squats as low as you can", "on your knees if you need" say how.
        return "talk", ["you"]
    if "with" in tail and not _AILING.isdisjoint(tail) and "no" not in tail:
        # "Squatting with back pain".
        return "talk", ["with", "pain"]
    for at in range(1, len(tail)):
        if tail[at] == "day" and tail[at - 1] in ("a", "per", "every", "each"):
            # "100 push-ups a day".
            return "talk", list(tail[at - 1 : at + 1])
        if tail[at - 1] == "for" and tail[at] in _AIMS:
            # "Jump rope for weight loss".
            return "talk", ["for", tail[at]]
    if tail and tail[-1] == "wrong":
        return "talk", ["wrong"]
    if "challenge" in words[last.end : end] and "day" in words[last.end :]:
        # "Push-up challenge day 12".
        return "section", ["challenge", "day"]
    behind = list(_until_preposition(words[last.end : end]))
    if behind and behind[-1] in ("work", "practice") and _RELATIVE.isdisjoint(behind):
        # "Snatch technique work" is done.
        behind = []
    for at, word in enumerate(behind):
        if word in ("band", "strap") and (last.used >= 2 or (at and behind[at - 1] in _WORN)):
            # "Tricep pushdown bands", "plank yoga strap" say with what; a "squat band" plays.
            continue
        if (
            word in _ABOUT
            or word in _CLAIMS
            or (word in _ABOUT_BEHIND and at == 0 and _ABOUT_BEHIND.issuperset(behind))
        ):
            return "talk", [word]
        if word in SOUNDS:
            return "other", [word]
    if behind and behind[0] in ("is", "are") and _TURN.issuperset(behind[1:]):
        # "Squats are up next".
        return "", []
    if behind and behind[0] in _VERBS and len(behind) + (end - last.end - len(behind)) > 1:
        return "talk", [behind[0]]
    following = list(words[end + 1 :]) if words[end : end + 1] in ([":"], ["-"], [","]) else []
    # "Hamstring stretch, left leg with strap", "lunge, rear foot in strap": what it is done with.
    with_it = following[-2:-1] in (["with"], ["using"], ["in"], ["on"])
    spoken = following and following[-1] in _POSITIONS and following[0] not in _SO and not with_it
    if spoken and (following[-1],) not in lexicon().equipment and not any(match.start > end for match in named):
        # "Bench press: elbow position"; "leg press, high foot position" says how, "clamshells - band" with what.
        return "talk", [following[-1]]
    return None


def is_told(words: Sequence[str]) -> str:
    """The word that tells that a title without an exercise is a sentence or a topic; "" if it is a heading.

    >>> from fimad.labels import label_title
    >>> [label_title(title).kind for title in ("The importance of core strength", "Core strength")]
    ['talk', 'section']
    """
    letters = [word for word in words if word[0].isalpha()]
    for at, word in enumerate(letters[:_OPENING]):
        if word in _ABOUT and letters[at + 1 : at + 2] == ["of"]:
            return word
        if word == "to" and at and letters[at + 1 : at + 2] == ["avoid"]:
            # "Movements to avoid".
            return "avoid"
    if len(letters) < _SENTENCE:
        return ""
    return next((word for word in letters[1:-1] if word in _PREDICATES), "")


def is_spoken(words: Sequence[str]) -> bool:
    """Whether somebody says what is coming, without an exercise: "let me break it down", "weights I'm using today"."""
    if list(words[:2]) == ["let", "me"]:
        return True
    return any(word in _ME or (word == "i" and words[at + 2] in _DONE_BY_ME) for at, word in enumerate(words[1:-1]))


def _joined_to(words: Sequence[str], at: int) -> bool:
    """Whether from a position on nothing follows but "and" with at most two words: "squats *and back pain*"."""
    behind = [word for word in words[at:] if word != ","]
    return 2 <= len(behind) <= 3 and behind[0] == "and"


def _before(words: Sequence[str], before: Sequence[str], start: int, end: int, named: Match) -> tuple[str, list[str]]:
    for at, word in enumerate(before):
        if word == "record" and before[at - 1 : at] == ["world"]:
            return "talk", [word]
        if word == "band" and before[at + 1 : at + 2] and before[at + 1] in PREPOSITIONS:
            # "Band around ankles side walks".
            continue
        if word in _ABOUT or word in _ABOUT_BEFORE:
            if any(
                each in PREPOSITIONS or each in _RELATIVE or each in PERSONS or each in _MINE
                for each in before[at + 1 :]
            ):
                return "talk", [word]
        elif word in _JUDGED or (word in _TOLD and before[at - 1 : at] not in _ATTEMPTED):
            return "talk", [word]
        elif word in _THEIRS:
            # "His 300 kg squat".
            return "talk", [word]
        elif word in _MINE and any(each.isalpha() and each not in PREPOSITIONS for each in before[at + 1 :]):
            # "My squats" may be squats; "my heavy squats" are spoken of.
            return "talk", [word]
    letters = [word for word in before if word[0].isalpha()]
    if (
        letters[:1] == ["better"]
        or (letters[:1] == ["build"] and letters[1:2] != ["to"])
        or (letters[:1] == ["let"] and not _LEARNING.isdisjoint(letters[1:3]))
    ):
        # "Better squats in 5 minutes", "let's talk squats".
        return "talk", letters[:1]
    if letters[:1] in (["missed"], ["painfree"], ["pain"], ["life"]):
        # "Missed squat attempt", "pain-free squats".
        return "talk", letters[:1]
    if "from" in letters and "to" in letters and sum(word.isdigit() for word in before) >= 2:
        # "Going from 5 to 20 squats".
        return "talk", ["from", "to"]
    if letters[-1:] in (["did"], ["doe"], ["tried"]):
        # "We did 1000 burpees", "dad does push-ups".
        return "talk", letters[-1:]
    if letters[:1] == ["top"] and before[1:2] and before[1].isdigit():
        # "Top 5 push-up variations".
        return "talk", ["top"]
    if letters[:2] == ["try", "this"] or letters[-1:] in (["i'm"], ["im"]):
        # "Try this plank variation", "shoes I'm running in".
        return "talk", letters[-1:]
    if letters and letters[0] in _FORBIDDING and len(letters) > 1:
        return "talk", [letters[0]]
    spoken = in_an_exercise(letters)
    if spoken:
        return "talk", [spoken]
    if letters and letters[0] in _LEARNING:
        return "talk", [letters[0]]
    if letters and undertakes(before, letters[0], named):
        return "talk", [letters[0]]
    if letters[-2:] == ["no", "more"] or (letters and "instead" in letters):
        return "talk", letters[-2:]
    if "for" in letters and letters[-1] in _BETTER and letters[-2] == "for":
        # "Hip mobility for better squats".
        return "section", ["for", letters[-1]]
    leading = len(letters) > 1 and letters[-2] in _LEADING and letters[-3:-1] not in (["warm", "up"], ["set", "up"])
    if len(letters) > 1 and letters[-1] == "for" and not leading:
        return "section", ["for"]
    if (
        len(letters) > 1
        and letters[-2] == "for"
        and letters[-1] in ("better", "bigger", "your", "the")
        and letters[0] not in _LEADING
    ):
        return "section", ["for"]
    for at in range(start, end - 1):
        if words[at] == "i" and words[at + 1] in _DONE_BY_ME:
            return "talk", ["i"]
    if "stop" in before and "doing" in before:
        return "talk", ["stop doing"]
    return "", []


def _stretch(words: Sequence[str], match: Match) -> tuple[int, int]:
    """The words between breaks around a name."""
    if _BREAKS.isdisjoint(words):
        return 0, len(words)
    start, end = match.start, match.end
    while start and words[start - 1] not in _BREAKS:
        start -= 1
    while end < len(words) and words[end] not in _BREAKS:
        end += 1
    return start, end


def _until_preposition(words: Sequence[str]) -> Iterable[str]:
    for word in words:
        if word in PREPOSITIONS:
            return
        yield word
