"""Labelled cases: a question, and what a right answer to it holds. They are read from JSON lines, and written as such."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, cast

from footnote.core.errors import InvalidInput
from footnote.core.types import Message

ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class GoldPassage:
    """Where the answer stands: a sentence or table row of a document, and its page where the format has pages."""

    document: str
    page: int | None
    quote: str


@dataclass(frozen=True, slots=True)
class Case:
    """A question with what is known about its right answer.

    Args:
        id: its name within a set: the same case has the same name in each version of a set.
        part: ``tune`` or ``test`` where a set keeps them apart, else empty.
        kind: how reports group it: ``fact``, ``table``, ``follow_up``; of live turns why they were sampled.
        answerable: whether the documents hold the answer; None where nobody has said.
        answers: short strings of which a right answer holds at least one.
        gold: where the answer stands. Unanswerable cases have none, and no answers.
        document: the document that the question is about, where it is about one.
        turn_id: the live turn that it was sampled from; its answer is scored as it was given.
        generated_by: ``rule``, or ``model:`` and the name of the model that wrote it; empty where a person did.
    """

    id: str
    question: str
    part: str = ""
    kind: str = "question"
    history: tuple[Message, ...] = ()
    answerable: bool | None = None
    reference_answer: str = ""
    answers: tuple[str, ...] = ()
    gold: tuple[GoldPassage, ...] = ()
    document: str = ""
    turn_id: str | None = None
    generated_by: str = ""

    @property
    def documents(self) -> tuple[str, ...]:
        """The names of all documents that the labels quote or name, each once."""
        return tuple(dict.fromkeys(name for name in (*(gold.document for gold in self.gold), self.document) if name))


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A case whose text was erased: it keeps its place in the set, and is never scored."""

    id: str


def read_cases(path: Path) -> tuple[Case, ...]:
    """Read cases from JSON lines, in the order of the file; tombstones are left out.

    Raises:
        InvalidInput: as ``parse_lines``.
    """
    return tuple(case for case in read_set(path) if isinstance(case, Case))


def read_set(path: Path) -> tuple[Case | Tombstone, ...]:
    """Read cases and tombstones from JSON lines, in the order of the file.

    Raises:
        InvalidInput: as ``parse_lines``, or the file is no text in UTF-8.
    """
    try:
        return parse_lines(path.read_text(encoding="utf-8-sig").split("\n"))
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path.name} is no text in UTF-8.") from error


def parse_lines(lines: Iterable[str]) -> tuple[Case | Tombstone, ...]:
    """Read cases and tombstones, one on each line that is not empty.

    Fields that a ``Case`` has a default for may be left out.

    Raises:
        InvalidInput: a line is not JSON, lacks a field or has an unknown or wrong one, or two have the same id. The message says which.
    """
    found: list[Case | Tombstone] = []
    lines_of: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            case = _parse(line)
            if case.id in lines_of:
                raise _Mistake(f"its id {case.id!r} stands on line {lines_of[case.id]} already")
        except _Mistake as mistake:
            raise InvalidInput(f"Line {number} of the cases cannot be used: {mistake}.") from mistake
        lines_of[case.id] = number
        found.append(case)
    return tuple(found)


def parse_case(fields_given: Mapping[str, Any]) -> Case:
    """Return the case with these fields, as ``case_fields`` writes them.

    Raises:
        InvalidInput: a field is missing, unknown or wrong.
    """
    try:
        return _case(fields_given)
    except _Mistake as mistake:
        raise InvalidInput(f"A case cannot be used: {mistake}.") from mistake


def case_fields(case: Case) -> dict[str, Any]:
    """Return a case as JSON. What has its default is left out, so that a field which is added later changes no hash of a set."""
    written: dict[str, Any] = {}
    for field in fields(case):
        value = getattr(case, field.name)
        if field.default is MISSING or value != field.default:
            written[field.name] = _JSON_OF[field.name](value) if field.name in _JSON_OF else value
    return written


def line_of(case: Case | Tombstone) -> str:
    """Return the line that ``parse_lines`` reads as this case."""
    content = {"id": case.id, "tombstone": True} if isinstance(case, Tombstone) else case_fields(case)
    return json.dumps(content, ensure_ascii=False)


# ----------------------------------------------------------------------------------------------------------------------------- reading


class _Mistake(ValueError):
    """What is wrong with a line, in words that go on a sentence."""


def _parse(line: str) -> Case | Tombstone:
    try:
        content: object = json.loads(line)
    except json.JSONDecodeError as error:
        raise _Mistake(f"it is not JSON ({error.msg} at character {error.pos + 1})") from error
    given = _object(content, "it")
    if given.get("tombstone") is True:
        _require_known(given, {"id", "tombstone"}, "a tombstone")
        return Tombstone(id=_id(given))
    return _case(given)


def _case(given: Mapping[str, Any]) -> Case:
    _require_known(given, _READ.keys(), "a case")
    for name in ("id", "question"):
        if name not in given:
            raise _Mistake(f"the field `{name}` is missing")
    values: dict[str, Any] = {name: read(given[name], f"`{name}`") for name, read in _READ.items() if name in given}
    values["id"] = _id(given)
    return Case(**values)


def _id(given: Mapping[str, Any]) -> str:
    found = _text(given.get("id"), "`id`")
    if not found.strip():
        raise _Mistake("`id` is empty")
    return found


def _require_known(given: Mapping[str, Any], known: Iterable[str], what: str) -> None:
    known = tuple(known)
    unknown = [name for name in given if name not in known]
    if unknown:
        raise _Mistake(f"{what} has no field `{unknown[0]}`, only {', '.join(f'`{name}`' for name in known)}")


def _object(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _Mistake(f"{what} is no JSON object")
    return cast("dict[str, Any]", value)


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise _Mistake(f"{what} is no text")
    return value


def _filled_text(value: object, what: str) -> str:
    text = _text(value, what)
    if not text.strip():
        raise _Mistake(f"{what} is empty")
    return text


def _maybe(read: Callable[[object, str], Any]) -> Callable[[object, str], Any]:
    return lambda value, what: None if value is None else read(value, what)


def _yes_or_no(value: object, what: str) -> bool:
    if not isinstance(value, bool):
        raise _Mistake(f"{what} is neither true, false nor null")
    return value


def _page(value: object, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _Mistake(f"{what} is no page number")
    return value


def _list_of(read: Callable[[object, str], Any]) -> Callable[[object, str], tuple[Any, ...]]:
    def read_list(value: object, what: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _Mistake(f"{what} is no list")
        return tuple(read(item, f"{what}[{place}]") for place, item in enumerate(cast("list[object]", value)))

    return read_list


def _part_of(content: Mapping[str, Any], name: str, what: str) -> object:
    if name not in content:
        raise _Mistake(f"{what} lacks `{name}`")
    return content[name]


def _message(value: object, what: str) -> Message:
    content = _object(value, what)
    _require_known(content, ("role", "content"), what)
    role = _part_of(content, "role", what)
    if role not in ROLES:
        raise _Mistake(f"the role of {what} is none of {', '.join(ROLES)}")
    return Message(role=role, content=_text(_part_of(content, "content", what), f"the content of {what}"))


def _gold(value: object, what: str) -> GoldPassage:
    content = _object(value, what)
    _require_known(content, ("document", "page", "quote"), what)
    return GoldPassage(
        document=_filled_text(_part_of(content, "document", what), f"the document of {what}"),
        page=_maybe(_page)(content.get("page"), f"the page of {what}"),
        quote=_filled_text(_part_of(content, "quote", what), f"the quote of {what}"),
    )


_READ: dict[str, Callable[[object, str], Any]] = {
    "id": _text,
    "part": _text,
    "kind": _text,
    "history": _list_of(_message),
    "question": _filled_text,
    "answerable": _maybe(_yes_or_no),
    "reference_answer": _text,
    "answers": _list_of(_filled_text),
    "gold": _list_of(_gold),
    "document": _text,
    "turn_id": _maybe(_filled_text),
    "generated_by": _text,
}

_JSON_OF: dict[str, Callable[[Any], Any]] = {
    "history": lambda history: [{"role": message.role, "content": message.content} for message in history],
    "answers": list,
    "gold": lambda passages: [{"document": gold.document, "page": gold.page, "quote": gold.quote} for gold in passages],
}
