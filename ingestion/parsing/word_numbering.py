"""The numbers that Word shows before headings, clauses and list items: they stand in no paragraph, but are counted."""

import re
from collections.abc import Callable

from ingestion.parsing.word_xml import child, value
from ingestion.parsing.xml_trees import Node, local_name

_PLACE = re.compile(r"%([1-9])")
_MAX_LEVEL = 8
_MAX_COUNT = 10_000
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"))


class Numbering:
    """Counts the paragraphs of each list, in the order of the document."""

    def __init__(self, tree: Node | None) -> None:
        nodes = [] if tree is None else list(tree)
        abstract = {value(node, "abstractNumId"): node for node in nodes if local_name(node) == "abstractNum"}
        self._lists: dict[str, str] = {}
        self._levels: dict[str, dict[int, Node]] = {}
        for node in (node for node in nodes if local_name(node) == "num"):
            number, of = value(node, "numId"), value(child(node, "abstractNumId"))
            self._lists[number] = of
            self._levels[number] = {_index(level): level for level in abstract.get(of, ()) if local_name(level) == "lvl"}
            for override in (part for part in node if local_name(part) == "lvlOverride"):
                level = child(override, "lvl")
                if level is not None:
                    self._levels[number][_index(override)] = level
        self._counts: dict[str, dict[int, int]] = {}

    def next(self, number: str, level: int) -> str:
        """Return what stands before the next paragraph of a list at a level: ``2.1``; nothing before bullets and in unknown lists."""
        levels = self._levels.get(number, {})
        if level not in levels:
            return ""
        counts = self._counts.setdefault(self._lists[number], {})
        counts[level] = counts[level] + 1 if level in counts else _start(levels[level])
        for deeper in [place for place in counts if place > level]:
            del counts[deeper]
        if value(child(levels[level], "numFmt")) in ("bullet", "none"):
            return ""

        def shown(match: re.Match[str]) -> str:
            place = int(match[1]) - 1
            at = levels.get(place)
            return "" if at is None else _written(counts.get(place, _start(at)), value(child(at, "numFmt")))

        return _PLACE.sub(shown, value(child(levels[level], "lvlText"))).strip()


def _index(node: Node) -> int:
    text = value(node, "ilvl")
    return min(int(text), _MAX_LEVEL) if text.isdecimal() and len(text) == 1 else 0


def _start(level: Node) -> int:
    text = value(child(level, "start"))
    return min(int(text), _MAX_COUNT) if text.isdecimal() and len(text) <= 5 else 1


def _written(count: int, numbering: str) -> str:
    return _WRITTEN.get(numbering, str)(count)


def _letters(count: int) -> str:
    """Return a, b … z, aa, bb …, as Word goes on."""
    return "abcdefghijklmnopqrstuvwxyz"[(count - 1) % 26] * ((count - 1) // 26 + 1) if count > 0 else "0"


def _roman(count: int) -> str:
    text = ""
    for worth, sign in (*_ROMAN, (4, "iv"), (1, "i")):
        while count >= worth:
            text, count = text + sign, count - worth
    return text


_WRITTEN: dict[str, Callable[[int], str]] = {
    "lowerLetter": _letters,
    "upperLetter": lambda count: _letters(count).upper(),
    "lowerRoman": _roman,
    "upperRoman": lambda count: _roman(count).upper(),
    "decimalZero": lambda count: f"{count:02}",
}
