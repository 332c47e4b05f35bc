"""Redaction: what is found is covered whole, what is not found stays as it is, and offsets point into the marked text."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.core.errors import InvalidSettings
from footnote.core.fingerprints import fingerprint_of
from footnote.core.settings import IngestionSettings, RedactedKind
from footnote.core.types import Document, Element, ElementKind
from ingestion import redaction
from ingestion.parser_pool import ParserPool
from ingestion.recipe import parser_of
from ingestion.redaction import Finding, marked_text, presidio, redacted, without_overlaps

KINDS = get_args(RedactedKind)
USUAL = ("CREDIT_CARD", "EMAIL_ADDRESS", "IBAN_CODE", "IP_ADDRESS", "PHONE_NUMBER", "US_SSN")

PERSONAL = {
    "EMAIL_ADDRESS": "jo.smith@example.com",
    "PHONE_NUMBER": "020 7946 0958",
    "CREDIT_CARD": "4012 8888 8888 1881",
    "IBAN_CODE": "GB29NWBK60161331926819",
    "IP_ADDRESS": "203.0.113.7",
    "MAC_ADDRESS": "00:1A:2B:3C:4D:5E",
    "URL": "https://www.example.org/people/jo",
    "US_SSN": "219-09-9998",
}


def document(*texts: str, kind: ElementKind = ElementKind.TEXT, **more: object) -> Document:
    text, elements = "", []
    for each in texts:
        start = len(text) + 2 if text else 0
        text = f"{text}\n\n{each}" if text else each
        elements.append(Element(kind=kind, start=start, end=len(text)))
    return replace(Document(text=text, elements=tuple(elements), media_type="text/plain"), **more)


# --------------------------------------------------------------------------------------------------------------------- what is found


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_that_the_settings_name_has_a_recogniser(kind: str):
    assert presidio((kind,))("") == []


@pytest.mark.parametrize("kind", PERSONAL)
def test_personal_data_becomes_a_mark_of_its_kind(kind: str):
    text = f"Reach her by this: {PERSONAL[kind]} (office)."
    marked = redacted(document(text), [kind])
    assert marked.text == f"Reach her by this: [{kind}] (office)."
    assert marked.redactions == {kind: 1}


@pytest.mark.parametrize(
    "text",
    [
        "The pump D40 weighs 3.1 kg, costs 412 pounds, and stands in room 02151.",
        "Version 2.13.0 came out on page 1,204 of section 3.4.2 at 10:45.",
        "Order 4012 8888 8888 1882 was lost.",  # no checksum fits
        "Paragraph GB00NWBK60161331926819 is no account.",
        "See figure 3 and e.g. table 12 @ the end.",
    ],
)
def test_other_numbers_stay(text: str):
    marked = redacted(document(text), USUAL)
    assert (marked.text, marked.redactions) == (text, {})


def test_only_the_kinds_that_were_asked_for_are_marked():
    text = " ".join(PERSONAL.values())
    assert redacted(document(text), ["IP_ADDRESS"]).text == text.replace(PERSONAL["IP_ADDRESS"], "[IP_ADDRESS]")


def test_a_word_nearby_makes_a_weak_pattern_sure():
    find = presidio(("US_BANK_NUMBER",))
    assert find("The reference is 945456787654.") == []
    assert [each.kind for each in find("My bank account number is 945456787654.")] == ["US_BANK_NUMBER"]


# ----------------------------------------------------------------------------------------------------------------------- the document


def test_offsets_point_into_the_marked_text_and_captions_and_titles_are_marked_too():
    mail = PERSONAL["EMAIL_ADDRESS"]
    before = document(f"Ask {mail}.", "Nobody else.", f"{mail} and {mail}", title=f"Write to {mail}", n_pages=3, notes=("one",))
    before = replace(before, elements=(replace(before.elements[0], page=2, caption=f"By {mail}"), *before.elements[1:]))
    after = redacted(before, ["EMAIL_ADDRESS"])
    assert [after.text[element.start : element.end] for element in after.elements] == [
        "Ask [EMAIL_ADDRESS].",
        "Nobody else.",
        "[EMAIL_ADDRESS] and [EMAIL_ADDRESS]",
    ]
    assert (after.title, after.n_pages, after.notes) == ("Write to [EMAIL_ADDRESS]", 3, ("one",))
    assert (after.elements[0].page, after.elements[0].caption) == (2, "By [EMAIL_ADDRESS]")
    assert after.redactions == {"EMAIL_ADDRESS": 4}, "three in the text, one in a caption"


@given(st.text(alphabet="ab@.", max_size=40), st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12), st.floats(0, 1)), max_size=6))
def test_what_was_found_is_covered_and_what_was_not_stays(text: str, places: list[tuple[int, int, float]]):
    findings = [Finding("X", min(start, len(text)), min(start + length, len(text)), score) for start, length, score in places]
    covered = {offset for each in findings for offset in range(each.start, each.end)}
    marked, counts = marked_text(text, findings)
    assert marked.replace("[X]", "") == "".join(character for offset, character in enumerate(text) if offset not in covered)
    chosen = without_overlaps(findings)
    assert sum(counts.values()) == len(chosen)
    assert all(before.end <= after.start for before, after in pairwise(chosen))


def test_of_two_that_overlap_the_surer_one_gives_its_name_to_all_that_both_cover():
    chosen = without_overlaps([Finding("URL", 5, 20, 0.5), Finding("EMAIL_ADDRESS", 0, 16, 1.0)])
    assert chosen == [Finding("EMAIL_ADDRESS", 0, 20, 1.0)]


# ------------------------------------------------------------------------------------------------------------------------ in the parser


async def test_the_parser_process_marks_where_the_settings_say_so(tmp_path: Path):
    path = tmp_path / "note"
    path.write_text(f"Reach her at {PERSONAL['EMAIL_ADDRESS']} on Mondays, and not on other days of the week.")
    for kinds, expected in (((), PERSONAL["EMAIL_ADDRESS"]), (("EMAIL_ADDRESS",), "[EMAIL_ADDRESS]")):
        pool = ParserPool(IngestionSettings(redact=kinds))
        try:
            read = await pool.clean(await pool.parse(path, filename="note.txt"))
        finally:
            await pool.close()
        assert expected in read.text
        assert dict(read.redactions) == dict.fromkeys(kinds, 1)


async def test_the_fingerprint_is_made_of_the_marked_text(tmp_path: Path):
    read: list[Document] = []
    pool = ParserPool(IngestionSettings(redact=("EMAIL_ADDRESS",)))
    try:
        for address in ("jo.smith@example.com", "ada.marrowgate@example.org"):
            path = tmp_path / "note"
            path.write_text(" ".join(f"Paragraph {n} says who is asked about tides and ships: {address}." for n in range(9)))
            read.append(await pool.clean(await pool.parse(path, filename="note.txt")))
    finally:
        await pool.close()
    assert read[0].text == read[1].text
    assert read[0].fingerprint is not None
    assert read[0].fingerprint == read[1].fingerprint == fingerprint_of(read[0].text)


def test_a_document_read_with_redaction_is_another_one():
    names = {parser_of("a.csv", redact=kinds) for kinds in ((), ("URL",), ("URL", "IP_ADDRESS"))}
    assert len(names) == 3
    assert parser_of("a.csv", redact=("URL", "IP_ADDRESS")) == parser_of("a.csv", redact=("IP_ADDRESS", "URL", "URL"))
    assert len(parser_of("a.markdown", redact=KINDS)) <= 64, "what the catalog's column takes"


def test_redaction_that_is_not_installed_is_refused_before_anything_is_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(redaction, "is_installed", lambda: False)
    with pytest.raises(InvalidSettings, match=r"footnote-assistant\[redaction\]"):
        ParserPool(IngestionSettings(redact=("URL",)))
    ParserPool(IngestionSettings())
