"""The short pieces of a text that an answer about it repeats: quantities, dates, times, names. Pure."""

# ruff: noqa: SIM905  # lists of words are read and changed more easily as text

import re

_SMALL = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_WORD_NUMBER = (
    rf"(?:(?:{'|'.join(_TENS)})(?:-(?:{'|'.join(_SMALL[:9])}))?|{'|'.join(sorted(_SMALL, key=len, reverse=True))}"
    r"|a hundred|half an?|an?(?= half\b))"
)
DIGITS = r"\d+(?:[.,:]\d+)*"
MONEY = rf"(?:[£€$¥]\s?|(?:USD|EUR|GBP|CHF)\s)(?:{DIGITS})(?:\s(?:million|billion|thousand))?"
NUMBER = rf"(?:{DIGITS}(?:\s(?:million|billion|thousand))?|{_WORD_NUMBER}(?:\s(?:hundred|thousand|million|billion))?)"
MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
TIME_UNIT = "(?:working |business |calendar |full )?(?:seconds?|minutes?|hours?|days?|weeks?|months?|quarters?|years?)"
UNIT = (
    rf"(?:{TIME_UNIT}|per cent|percent|%|per mille|degrees(?: Celsius| Fahrenheit)?|°[CF]"
    r"|(?:square |cubic )?(?:milli|centi|kilo)?met(?:re|er)s?"
    r"|mm|cm|m|km|miles?|inch(?:es)?|feet|(?:milli|kilo)?grams?|kg|g|mg|tonnes?|tons?|pounds?|euros?|dollars?"
    r"|(?:milli)?lit(?:re|er)s?|ml|l|l/h|bar"
    r"|volts?|V|watts?|W|kW|kilowatt-hours?|kWh|amperes?|hertz|Hz|decibels?|dB(?:\(A\))?|(?:mega|giga|tera|kilo)?(?:bytes?|bits?)|[KMGT]B|points?|times)"
)
DATE = rf"(?:\d{{1,2}} {MONTH}(?: \d{{4}})?|{MONTH} \d{{1,2}}(?:, \d{{4}})?|{MONTH} \d{{4}})"
CLOCK = r"\d{1,2}:\d{2}(?: (?:to|and|until) \d{1,2}:\d{2})?"
QUANTITY = rf"(?:{MONEY}|{NUMBER}(?:\s?{UNIT})(?!\w))"

_FACT = re.compile(rf"(?<!\w)(?:{DATE}|{MONEY}|{NUMBER}\s?{UNIT}|{CLOCK})(?!\w)", re.IGNORECASE)
_NAME = re.compile(r"(?<![.!?:“\"] )(?<!^)\b(?:[A-Z][\w’'-]*[a-z][\w’'-]*)(?: (?:[A-Z][\w’'-]*[a-z][\w’'-]*))+")


def has_figure(fact: str) -> bool:
    """Whether a piece is a quantity, a date or a time of day, and not a name."""
    return _FACT.fullmatch(fact) is not None


def key_facts(text: str) -> tuple[str, ...]:
    """Return quantities, dates, times of day and names of two words and more, in order, each once."""
    found = [(match.start(), match.group()) for pattern in (_FACT, _NAME) for match in pattern.finditer(text)]
    return tuple(dict.fromkeys(fact for _, fact in sorted(found)))
