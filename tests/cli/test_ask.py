from footnote.cli.api_objects import Claim, FileCitation, Footnote, Passage
from footnote.cli.ask import footnotes


def passage(n: int, start: int = 0, end: int = 100) -> Passage:
    return Passage(
        n=n,
        file_id="f1",
        filename="a.pdf",
        vector_store_id="vs",
        chunk_ids=["c"],
        heading="H",
        start=start,
        end=end,
        score=1,
        text=f"text {n}",
    )


def footnote(*, cites: list[int], abstained: bool = False) -> Footnote:
    claim = Claim(start=0, end=5, verdict="supported", citations=cites, replaced=False)
    return Footnote(
        turn_id="t", release="r", query="q", abstained=abstained, claims=[claim], passages=[passage(1), passage(2, 100, 200)], timings_ms={}
    )


def test_only_cited_passages_are_footnotes():
    assert [shown.n for shown in footnotes("text", footnote(cites=[2]), [])] == [2]


def test_markers_count_where_nobody_judged():
    assert [shown.n for shown in footnotes("It is so. [1] And so. [7]", footnote(cites=[]), [])] == [1]


def test_an_abstention_shows_the_nearest_passages():
    assert [shown.n for shown in footnotes("", footnote(cites=[], abstained=True), [])] == [1, 2]


def test_a_quote_stands_with_the_passage_that_it_lies_in_and_once():
    quotes = [FileCitation(file_id="f1", start=110, end=120, quote="here")] * 2 + [
        FileCitation(file_id="f2", start=0, end=9, quote="elsewhere")
    ]
    (shown,) = footnotes("text", footnote(cites=[2]), quotes)
    assert shown.quotes == ["here"]


def test_a_footnote_without_a_quote_shows_its_passage():
    (shown,) = footnotes("text", footnote(cites=[1]), [])
    assert shown.quotes == ["text 1"]
