"""What the words of a sentence say that an encoder tends to miss: content words, names, negation, and which way things go."""

# ruff: noqa: SIM905  # lists of words are read and changed more easily as text

import re
from collections.abc import Iterator
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)*")
_MIN_STEM = 4

_FUNCTION_WORDS = frozenset(
    "a an the this that these those it its it's he she they them him her his hers their theirs we us our ours you your yours i me "
    "my mine who whom whose which what where when why how and or but nor so yet if then than as at by for from in into of on onto "
    "off out over to up with within without about after again against all also although am among any are aren't around be became "
    "because become been before being below between both can can't cannot could couldn't did didn't do does doesn't doing don't "
    "done down during each either else ever every few further had hadn't has hasn't have haven't having here herself himself "
    "itself themselves myself yourself however i'm i've i'd is isn't just let like many may might more most much must mustn't "
    "neither no none not now often one only other others own per quite rather really same several shall should shouldn't since "
    "some still such that's there there's they're through thus too toward towards under until upon used very via was wasn't we're "
    "were weren't what's while whether will won't would wouldn't yes you're well oh got get".split()
)
_NEGATIONS = frozenset(
    "no not none never neither nor nobody nothing nowhere without cannot lack lacks lacking lacked fail fails failed unable".split()
)
_SPEAKER = frozenset("i i'm i've i'd i'll me my mine myself we we're we've our ours us you you're your yours".split())
_OPPOSITES = (
    ("increase", "decrease"), ("increase", "reduce"), ("increase", "decline"), ("rise", "fall"), ("rise", "drop"), ("grow", "shrink"),
    ("high", "low"), ("higher", "lower"), ("highest", "lowest"), ("more", "less"), ("more", "fewer"), ("most", "least"), ("large", "small"),
    ("larger", "smaller"), ("largest", "smallest"), ("longer", "shorter"), ("old", "young"), ("older", "younger"), ("old", "new"),
    ("early", "late"), ("earlier", "later"), ("before", "after"), ("first", "last"), ("above", "below"), ("maximum", "minimum"),
    ("promote", "inhibit"), ("activate", "inhibit"), ("activate", "suppress"), ("induce", "inhibit"), ("enhance", "reduce"),
    ("enhance", "impair"), ("improve", "worsen"), ("better", "worse"), ("best", "worst"), ("positive", "negative"), ("present", "absent"),
    ("presence", "absence"), ("gain", "loss"), ("win", "lose"), ("won", "lost"), ("success", "failure"), ("accept", "reject"),
    ("allow", "forbid"), ("allow", "prohibit"), ("permit", "prohibit"), ("required", "optional"), ("mandatory", "optional"),
    ("include", "exclude"), ("open", "closed"), ("always", "never"), ("all", "none"), ("everyone", "nobody"), ("start", "end"),
    ("north", "south"), ("northern", "southern"), ("east", "west"), ("eastern", "western"), ("left", "right"), ("male", "female"),
    ("men", "women"), ("up", "down"), ("upregulate", "downregulate"), ("sensitivity", "resistance"), ("susceptible", "resistant"),
    ("sensitive", "resistant"), ("stable", "unstable"), ("internal", "external"), ("buy", "sell"), ("enable", "disable"),
    ("enabled", "disabled"), ("dependent", "independent"), ("toxic", "protective"), ("acute", "chronic"), ("faster", "slower"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """A text's words, in lower case and without endings.

    Attributes:
        content: all but function words, in order, with repetitions.
        present: every word, function words too.
        names: words with a capital that does not come from opening a sentence, and words with inner capitals or with digits and letters.
        speaker: words by which the writer speaks of itself or to the reader, with repetitions.
        is_negated: whether something is denied.
    """

    content: tuple[str, ...]
    present: frozenset[str]
    names: tuple[str, ...]
    speaker: tuple[str, ...]
    is_negated: bool


def words(text: str) -> Words:
    """Return what the words of one sentence say."""
    tokens = list(_WORD.finditer(text))
    plain = [_plain(token.group()) for token in tokens]
    return Words(
        content=tuple(stem(word) for word in plain if word not in _FUNCTION_WORDS),
        present=frozenset(stem(word) for word in plain),
        names=tuple(dict.fromkeys(_names(text, tokens))),
        speaker=tuple(stem(word) for word in plain if word in _SPEAKER),
        is_negated=any(word in _NEGATIONS or word.endswith("n't") for word in plain),
    )


def stem(word: str) -> str:
    """Return a word without its commonest English endings; two forms of a word mostly give the same stem."""
    for ending, replacement in (("ies", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", ""), ("ly", "")):
        if word.endswith(ending) and len(word) - len(ending) >= _MIN_STEM - 1 and not word.endswith(("ss", "us", "is")):
            word = word[: -len(ending)] + replacement
            break
    if len(word) >= _MIN_STEM and word[-1] == word[-2] and word[-1] not in "aeiouls":
        word = word[:-1]
    return word[:-1] if len(word) > _MIN_STEM and word.endswith("e") else word


def contradicts(claim: Words, evidence: Words) -> bool:
    """Say whether the evidence has the opposite of a word of the claim, and not that word itself."""
    return any(
        (this in claim.present and this not in evidence.present and that in evidence.present and that not in claim.present)
        for this, that in _OPPOSED_STEMS
    )


def _plain(word: str) -> str:
    return word.lower().replace("’", "'").removesuffix("'s")


def _names(text: str, tokens: list[re.Match[str]]) -> Iterator[str]:
    opens = True
    for token in tokens:
        word = token.group()
        between = text[max(0, token.start() - 2) : token.start()].strip()
        opens = opens or between[-1:] in (".", "!", "?", ":", "|")
        plain = _plain(word)
        looks_like_name = word[0].isupper() and not opens and plain not in _FUNCTION_WORDS
        if looks_like_name or _is_identifier(word):
            yield stem(plain)
        opens = False


def _is_identifier(word: str) -> bool:
    """Say whether a word is a name wherever it stands: ``iPhone``, ``GBP1``, ``NATO``; not ``21st``."""
    has_letter, has_digit = any(c.isalpha() for c in word), any(c.isdigit() for c in word)
    return (has_letter and has_digit and not word[0].isdigit()) or (len(word) > 1 and any(c.isupper() for c in word[1:]))


_OPPOSED_STEMS = tuple((stem(a), stem(b)) for a, b in _OPPOSITES) + tuple((stem(b), stem(a)) for a, b in _OPPOSITES)
