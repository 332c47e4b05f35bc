"""Cases are read as they are written."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.cases import Case, GoldPassage, Tombstone, case_fields, line_of, parse_case, parse_lines, read_cases, read_set
from footnote.core.errors import InvalidInput
from footnote.core.types import Message

FIELDS = {
    "id": "a",
    "part": "tune",
    "kind": "fact",
    "history": [{"role": "user", "content": "Before?"}],
    "question": "Now?",
    "answerable": True,
    "reference_answer": "Yes.",
    "answers": ["yes"],
    "gold": [{"document": "d.md", "page": None, "quote": "Yes."}],
    "document": "d.md",
}


def test_a_line_becomes_a_case(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text(json.dumps(FIELDS) + "\n\n", encoding="utf-8")
    (case,) = read_cases(path)
    assert (case.id, case.history[0].content, case.gold[0].quote, case.answers) == ("a", "Before?", "Yes.", ("yes",))


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text(json.dumps(FIELDS) + "\n{}\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match="Line 2"):
        read_cases(path)


def test_what_has_a_default_may_be_left_out() -> None:
    assert parse_lines(['{"id": "a", "question": "Now?"}']) == (Case(id="a", question="Now?"),)


texts = st.text(min_size=1, max_size=8).filter(str.strip)
gold_passages = st.builds(GoldPassage, document=texts, page=st.none() | st.integers(min_value=1, max_value=999), quote=texts)
messages = st.builds(Message, role=st.sampled_from(["user", "assistant"]), content=st.text(max_size=8))
cases = st.builds(
    Case,
    id=texts,
    question=texts,
    part=st.text(max_size=4),
    history=st.lists(messages, max_size=2).map(tuple),
    answerable=st.none() | st.booleans(),
    answers=st.lists(texts, max_size=2).map(tuple),
    gold=st.lists(gold_passages, max_size=2).map(tuple),
    turn_id=st.none() | texts,
)


@given(st.lists(cases | st.builds(Tombstone, id=texts), max_size=4, unique_by=lambda case: case.id))
def test_what_is_written_is_read_as_it_was(written: list[Case | Tombstone]) -> None:
    assert parse_lines("\n".join(map(line_of, written)).split("\n")) == tuple(written)
    assert all(parse_case(case_fields(case)) == case for case in written if isinstance(case, Case))


def test_a_field_with_its_default_is_not_written() -> None:
    assert case_fields(Case(id="a", question="Now?", answerable=False)) == {"id": "a", "question": "Now?", "answerable": False}


def test_tombstones_are_read_as_such_and_are_no_cases(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text('{"id": "a", "tombstone": true}\n{"id": "b", "question": "a\u2028b"}\n', encoding="utf-8")
    assert read_set(path) == (Tombstone(id="a"), Case(id="b", question="a\u2028b"))
    assert [case.id for case in read_cases(path)] == ["b"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "Line 2 of the cases cannot be used: it is not JSON"),
        ("[]", "Line 2 .*: it is no JSON object"),
        ('{"question": "Now?"}', "Line 2 .*: the field `id` is missing"),
        ('{"id": "b"}', "Line 2 .*: the field `question` is missing"),
        ('{"id": "b", "question": " "}', "Line 2 .*: `question` is empty"),
        ('{"id": " ", "question": "Now?"}', "Line 2 .*: `id` is empty"),
        ('{"id": 7, "question": "Now?"}', "Line 2 .*: `id` is no text"),
        ('{"id": "b", "question": "Now?", "anwsers": []}', "Line 2 .*: a case has no field `anwsers`, only `id`, `part`"),
        ('{"id": "a", "question": "Now?"}', "Line 2 .*: its id 'a' stands on line 1 already"),
        ('{"id": "a", "tombstone": true}', "Line 2 .*: its id 'a' stands on line 1 already"),
        ('{"id": "b", "question": "?", "answerable": "yes"}', "Line 2 .*: `answerable` is neither true, false nor null"),
        ('{"id": "b", "question": "?", "answers": "six"}', "Line 2 .*: `answers` is no list"),
        ('{"id": "b", "question": "?", "answers": ["six", 6]}', r"Line 2 .*: `answers`\[1\] is no text"),
        ('{"id": "b", "question": "?", "history": [{"role": "tool", "content": ""}]}', r"Line 2 .*: the role of `history`\[0\] is none of"),
        ('{"id": "b", "question": "?", "gold": [{"document": "d"}]}', r"Line 2 .*: `gold`\[0\] lacks `quote`"),
        ('{"id": "b", "question": "?", "gold": [{"document": "d", "quote": "q", "page": 0}]}', r"page of `gold`\[0\] is no page number"),
        ('{"id": "b", "tombstone": true, "question": "?"}', "Line 2 .*: a tombstone has no field `question`"),
    ],
)
def test_each_mistake_is_named_with_its_line(line: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        parse_lines(['{"id": "a", "question": "Now?"}', line])


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "cases.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match=r"cases\.jsonl is no text"):
        read_set(tmp_path / "cases.jsonl")


def test_the_documents_of_a_case_are_named_once() -> None:
    gold = [GoldPassage(document=name, page=None, quote="q") for name in ("a.md", "b.md", "a.md")]
    assert Case(id="a", question="?", gold=tuple(gold), document="b.md").documents == ("a.md", "b.md")
    assert Case(id="a", question="?").documents == ()
