from pathlib import Path

import pytest

from footnote.core.errors import UnreadableDocument
from footnote.core.types import Document, ElementKind
from ingestion.parsing import ParsingLimits, parse
from ingestion.parsing.html_tables import read_table

PAGE = """<!DOCTYPE html><html><head><title>x</title><style>p{}</style></head><body>
<nav><ul><li><a href="/">Start</a></li></ul></nav>
<h1>Service desk</h1><p>The desk is open from 06:30
to 18:00.</p>
<h2>Priorities</h2>
<table><caption>How fast we are</caption><thead><tr><th>Priority</th><th>Time</th></tr></thead>
<tbody><tr><td>1</td><td>4 hours</td></tr><tr><td>2</td><td>1 day</td></tr></tbody></table>
<ul><li>Call 3000</li><li>Open a ticket</li></ul>
<script>alert("no text")</script></body></html>"""


def read(tmp_path: Path, content: str | bytes, filename: str) -> Document:
    path = tmp_path / "file"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return parse(path, filename=filename, limits=ParsingLimits())


def pieces(document: Document) -> list[tuple[str, int | None, str]]:
    return [(e.kind.value, e.level, document.text[e.start : e.end]) for e in document.elements]


def test_web_page(tmp_path: Path):
    document = read(tmp_path, PAGE, "a.html")
    assert pieces(document) == [
        ("title", 1, "Service desk"),
        ("text", None, "The desk is open from 06:30 to 18:00."),
        ("title", 2, "Priorities"),
        ("table", None, "Priority | Time\n1 | 4 hours\n2 | 1 day"),
        ("list_item", None, "Call 3000"),
        ("list_item", None, "Open a ticket"),
    ]
    table = next(e for e in document.elements if e.kind is ElementKind.TABLE)
    assert (table.caption, table.n_header_rows) == ("How fast we are", 1)


def test_what_a_page_shows_and_what_belongs_to_its_site(tmp_path: Path):
    page = (
        "<body><header><p>Our site</p></header><div role='navigation'>Start</div>"
        "<article><header><p>By Ada, in May</p></header><h1>Pumps <span>and hoses</span></h1><p>First<br>line<img src=x alt=smile></p>"
        "<p hidden>not shown</p><div style='display: none'>nor this</div><p>Text<script>x</script> after<!-- no --> all.</p>"
        "<img src=y alt='A pump in the rain'><ul><li><p>One</p><p>more of one</p></li><li>Two<ul><li>Two and a half</li></ul></li></ul>"
        "<dl><dt>Term</dt><dd>What it is</dd></dl><blockquote>Said somebody</blockquote><pre>x = 1\n  y</pre>"
        "<button>Buy</button><select><option>No</option></select></article><footer>Imprint</footer></body>"
    )
    assert pieces(read(tmp_path, page, "a.html")) == [
        ("text", None, "By Ada, in May"),
        ("title", 1, "Pumps and hoses"),
        ("text", None, "First line"),
        ("text", None, "Text after all."),
        ("image", None, "A pump in the rain"),
        ("list_item", None, "One"),
        ("text", None, "more of one"),
        ("list_item", None, "Two"),
        ("list_item", None, "Two and a half"),
        ("list_item", None, "Term"),
        ("text", None, "What it is"),
        ("text", None, "Said somebody"),
        ("code", None, "x = 1\n  y"),
    ]


def test_a_page_of_nothing_but_navigation_is_read(tmp_path: Path):
    assert pieces(read(tmp_path, "<html><nav><p>Start</p></nav><footer>Imprint</footer></html>", "a.html")) == [
        ("text", None, "Start"),
        ("text", None, "Imprint"),
    ]


def test_tables_of_a_page(tmp_path: Path):
    page = (
        "<table><tr><td><h2>Left</h2><p>A column.</p></td><td><table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>"
        "</td></tr></table>"
        "<figure><table><tr><th>Year<th>Month<th>Cost</tr><tr><th rowspan=2>2025</th><td>May</td><td>12</td></tr><tr><td>June</td>"
        "<td><p>13</p><p>net</p></td></tr></table><figcaption>Costs</figcaption></figure>"
        "<p>Table 4: Hoses</p><table><tr><td>x</td><td>y</td></tr><tr><td>1</td><td>2</td></tr></table>"
    )
    document = read(tmp_path, page, "a.html")
    assert pieces(document) == [
        ("title", 2, "Left"),
        ("text", None, "A column."),
        ("table", None, "a | b\n1 | 2"),
        ("table", None, "Year | Month | Cost\n2025 | May | 12\n2025 | June | 13 net"),
        ("caption", None, "Costs"),
        ("caption", None, "Table 4: Hoses"),
        ("table", None, "x | y\n1 | 2"),
    ]
    assert [e.caption for e in document.elements if e.kind is ElementKind.TABLE] == [None, "Costs", "Table 4: Hoses"]


def test_deep_nesting_is_read_or_refused_but_never_cut_off(tmp_path: Path):
    deep = "<div>" * 1_500 + "<b>" * 300 + "deep down" + "</b>" * 300 + "</div>" * 1_500 + "<p>and after it</p>"
    assert [text for _, _, text in pieces(read(tmp_path, deep, "a.html"))] == ["deep down", "and after it"]
    with pytest.raises(UnreadableDocument, match="nested"):
        read(tmp_path, "<html>" + "<div>" * 50_000 + "x", "a.html")


def test_markdown(tmp_path: Path):
    text = (
        "---\ntitle: settings\n---\n# Runbook\n\nCall *first*.\n\n## Steps\n\n1. Stop\n2. Look\n\n"
        "| a | b |\n| --- | --- |\n| 1 | 2 |\n\n```\nx = 1\n\n  y = 2\n```\n"
    )
    assert pieces(read(tmp_path, text, "a.md")) == [
        ("title", 1, "Runbook"),
        ("text", None, "Call first."),
        ("title", 2, "Steps"),
        ("list_item", None, "Stop"),
        ("list_item", None, "Look"),
        ("table", None, "a | b\n1 | 2"),
        ("code", None, "x = 1\n\n  y = 2"),
    ]


def test_plain_text_headings_are_numbered_or_capitals(tmp_path: Path):
    text = (
        "WARRANTY TERMS\n\nThe warranty lasts 24 months.\n\n1. PERIOD\n\nIt begins with delivery.\n\n"
        "2.1 LIMITS\n\nIt covers no frost.\n\nPaid within ten days\n"
    )
    assert pieces(read(tmp_path, text, "a.txt")) == [
        ("title", 1, "WARRANTY TERMS"),
        ("text", None, "The warranty lasts 24 months."),
        ("title", 1, "1. PERIOD"),
        ("text", None, "It begins with delivery."),
        ("title", 2, "2.1 LIMITS"),
        ("text", None, "It covers no frost."),
        ("text", None, "Paid within ten days"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_of_text(tmp_path: Path, encoding: str):
    text = "Die Prüfung der Geräte dauert länger als früher, weil die Größe der Öfen sich geändert hat.\n" * 4
    assert "Prüfung der Geräte" in read(tmp_path, text.encode(encoding), "a.txt").text


def test_csv_keeps_what_the_cells_say(tmp_path: Path):
    document = read(tmp_path, 'code;country;"what; it is"\n007;NA;1.50\n"multi\nline";x\n', "a.csv")
    assert pieces(document) == [("table", None, "code | country | what; it is\n007 | NA | 1.50\nmulti line | x")]
    assert document.elements[0].n_header_rows == 1


def test_csv_with_an_open_quotation_mark(tmp_path: Path):
    with pytest.raises(UnreadableDocument, match="quotation mark"):
        read(tmp_path, 'a,b\n"' + "x" * 200_000, "a.csv")


@pytest.mark.parametrize(("content", "name"), [("\n \n", "a.txt"), ("<html><body></body></html>", "a.html"), ("---\na: 1\n---\n", "a.md")])
def test_without_text(tmp_path: Path, content: str, name: str):
    with pytest.raises(UnreadableDocument, match="no text"):
        read(tmp_path, content, name)


def test_cells_over_rows_are_repeated_and_over_columns_padded():
    table = read_table(
        "<table><tr><th colspan=2>Site</th><th>Seats</th></tr>"
        "<tr><td rowspan=2>Skelderby</td><td>A</td><td>34</td></tr><tr><td>B</td><td>12</td></tr></table>"
    )
    assert table is not None
    assert table.rows == (("Site", "", "Seats"), ("Skelderby", "A", "34"), ("Skelderby", "B", "12"))
    assert table.n_header_rows == 1


def test_absurd_spans_and_markup_are_survived():
    table = read_table("<table><tr><td colspan=999999999999999 rowspan=0>x</td><td rowspan=-1>y</td></tr><tr></tr></table>")
    assert table is not None
    assert table.text == "x | y", "a number that is none is not followed"
    table = read_table("<table><tr><td colspan=1000000000 rowspan=1000000000>x</td></tr>" + "<tr><td>y</td></tr>" * 3 + "</table>")
    assert table is not None
    assert {len(row) for row in table.rows} == {1_000}, "others are, as far as a table can be wide"
    assert table.text == "x\nx\nx\nx"
    assert len(read_table(f"<table><tr><td rowspan=1000>{'long ' * 5_000}</td></tr>{'<tr><td>y</td></tr>' * 999}</table>").text) < 50_000
    assert read_table("<p>no table") is None
    assert read_table("") is None
