"""Numbers and dates as keys that can be compared: ``1,000`` and ``one thousand`` are both ``1000``, ``3.5 million`` is ``3500000``.

A unit is not part of a key: ``12 %``, ``12 percent``, ``$12`` and ``12`` are the same number. Only English is read.
"""

# ruff: noqa: SIM905  # lists of words are read and changed more easily as text

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen".split()
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINAL_UNITS = (
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth "
    "seventeenth eighteenth nineteenth".split()
)
_SMALL = {word: value for value, word in enumerate(_UNITS)} | {word: 10 * value for value, word in enumerate(_TENS, start=2)}
_ORDINALS = {word: value for value, word in enumerate(_ORDINAL_UNITS)} | {
    word[:-1] + "ieth": 10 * value for value, word in enumerate(_TENS, start=2)
}
_OTHER_WORDS = {"once": 1, "twice": 2, "dozen": 12, "half": 50, "both": 2}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000, "trillion": 1_000_000_000_000}
_SCALE_LETTERS = {"k": 1_000, "mn": 1_000_000, "bn": 1_000_000_000}
_MONEY_LETTERS = {"m": 1_000_000, "b": 1_000_000_000}
_MONTHS = "january february march april may june july august september october november december".split()
_MONTH_KEYS = (
    {name: f"month:{n}" for n, name in enumerate(_MONTHS, start=1)}
    | {name[:3]: f"month:{n}" for n, name in enumerate(_MONTHS, start=1) if name != "may"}
    | {"sept": "month:9"}
)
_MONTHS_ALSO_WORDS = frozenset({"may", "march", "mar", "august", "jan", "jun", "dec", "sep", "nov", "oct"})
_MAX_DIGITS = 30

_TOKEN = re.compile(
    r"(?<![\w.,])(?P<iso>\d{4}-\d{2}-\d{2})(?!\w)"
    r"|(?<![\w.])(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)*)(?P<suffix>st|nd|rd|th|s|k|m|mn|bn|b)?(?![\w])(?:[\s-](?P<scale>hundred|thousand|million|billion|trillion)\b)?"
    r"|(?<![\w])(?P<word>[A-Za-z]+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Quantities:
    """The numbers of a text.

    ``stated`` are those that a claim must find in its evidence. ``mentioned`` holds them too, and words that may or may not be meant as
    numbers (``one``, ``first``, ``half``): evidence for a number, but nothing that asks for evidence.
    """

    stated: tuple[str, ...]
    mentioned: frozenset[str]


def quantities(text: str) -> Quantities:
    """Return the numbers of a text, ``stated`` without repetition and in order."""
    tokens = list(_TOKEN.finditer(text))
    stated = list(_stated_in_digits(tokens))
    in_words = list(_numbers_in_words(text, tokens))
    stated += [key for key, certain in in_words if certain]
    mentioned = set(stated) | {key for key, _ in in_words}
    return Quantities(stated=tuple(dict.fromkeys(stated)), mentioned=frozenset(mentioned))


def _stated_in_digits(tokens: list[re.Match[str]]) -> Iterator[str]:
    for index, token in enumerate(tokens):
        if token["iso"]:
            year, month, day = token["iso"].split("-")
            yield from (year, f"month:{int(month)}", str(int(day)))
        elif token["number"]:
            yield _key_of_digits(token)
        elif _is_month(tokens, index):
            yield _MONTH_KEYS[token["word"].lower()]


def _key_of_digits(token: re.Match[str]) -> str:
    digits = token["number"].replace(",", "")
    if digits.count(".") > 1 or len(digits) > _MAX_DIGITS:
        return digits
    suffix, scale = (token["suffix"] or "").lower(), (token["scale"] or "").lower()
    letters = _SCALE_LETTERS | _MONEY_LETTERS if token.string[token.start() - 1 : token.start()] in tuple("$€£") else _SCALE_LETTERS
    return _key(Decimal(digits) * letters.get(suffix, 1) * _SCALES.get(scale, 1))


def _key(value: Decimal | int) -> str:
    text = format(Decimal(value), "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def _is_month(tokens: list[re.Match[str]], index: int) -> bool:
    """Say whether a word is a month: written with a capital and, where it is also another word, beside a number."""
    word = tokens[index]["word"]
    if not word[0].isupper() or word.lower() not in _MONTH_KEYS:
        return False
    if word.lower() not in _MONTHS_ALSO_WORDS:
        return True
    neighbours = tokens[max(0, index - 1) : index] + tokens[index + 1 : index + 2]
    return any(neighbour["number"] for neighbour in neighbours)


def _numbers_in_words(text: str, tokens: list[re.Match[str]]) -> Iterator[tuple[str, bool]]:
    """Yield the value of each run of number words, and whether it surely means a number."""
    run: list[str] = []
    last_end = -1
    for token in tokens:
        word = (token["word"] or "").lower()
        joined = bool(run) and text[last_end : token.start()].strip(" -") == ""
        if run and not joined:
            yield _value_of(run)
            run = []
        if word in _SMALL or word in _ORDINALS or word in _SCALES or (word == "and" and run and run[-1] in _SCALES):
            run.append(word)
            last_end = token.end()
            continue
        if run:
            yield _value_of(run)
            run = []
        if word in _OTHER_WORDS:
            yield str(_OTHER_WORDS[word]), False
    if run:
        yield _value_of(run)


def _value_of(words: list[str]) -> tuple[str, bool]:
    """Return the value of number words by the usual fold: scales multiply what stands before them, the rest adds."""
    total, current = 0, 0
    for word in words:
        if word in _SCALES:
            current = max(1, current) * _SCALES[word]
            if _SCALES[word] > 100:
                total, current = total + current, 0
        else:
            current += _SMALL.get(word, _ORDINALS.get(word, 0))
    is_certain = any(word in _SMALL and word != "one" for word in words) or len(words) > 1
    return _key(total + current), is_certain
