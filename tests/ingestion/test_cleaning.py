import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.core.errors import UnreadableDocument
from footnote.core.types import Document, Element, ElementKind
from ingestion.cleaning import clean, join_broken_words, language_of, normalise, repair_encoding
from ingestion.elements import DocumentBuilder
from ingestion.media_type import MediaType


def document_of(*pieces: tuple[ElementKind, str, int | None], media_type: str = MediaType.DOCX, n_pages: int | None = None) -> Document:
    builder = DocumentBuilder(max_text_chars=10**9)
    for kind, text, page in pieces:
        builder.add(kind, text, page=page)
    return builder.build(media_type=media_type, n_pages=n_pages)


def texts(document: Document) -> list[str]:
    return [document.text[e.start : e.end] for e in document.elements]


@pytest.mark.parametrize(
    ("broken", "meant"),
    [
        ("Ã©tÃ© in MÃ¼nchen", "été in München"),
        ("the companyâ€™s â€œrulesâ€\x9d", "the company’s “rules”"),
        ("Â  Ã©tÃ©", "  été"),
        ("été in München", "été in München"),
        ("A “quotation” – naïve", "A “quotation” – naïve"),
        ("日本語のテキスト", "日本語のテキスト"),
        ("Ελληνικά, кириллица, עברית, العربية, हिन्दी", "Ελληνικά, кириллица, עברית, العربية, हिन्दी"),
        ("Â is a letter of Vietnamese, ã of Portuguese: SÃO PAULO", "Â is a letter of Vietnamese, ã of Portuguese: SÃO PAULO"),
        ("5 µm ± 2 % at 20 °C, ½ of ¾, © ™ §", "5 µm ± 2 % at 20 °C, ½ of ¾, © ™ §"),
        ("&amp; and &eacute; stay as they are", "&amp; and &eacute; stay as they are"),
    ],
)
def test_encodings(broken: str, meant: str):
    assert repair_encoding(broken) == meant


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x00b\x07c", "abc"),
        ("two  spaces\u00a0and\tmore ", "two spaces and more"),
        ("soft\u00adhyphen zero\u200bwidth \ufeff", "softhyphen zerowidth"),
        ("row | one \r\n row | two", "row | one\nrow | two"),
        ("Contents ........................ 12", "Contents … 12"),
        ("Contents . . . . . . . . 12", "Contents … 12"),
        ("Wait... what?", "Wait... what?"),
        ("👩‍👩‍👧 and می‌خواهم", "👩‍👩‍👧 and می‌خواهم"),
        ("one\n\n\n\n\ntwo", "one\n\ntwo"),
        ("ﬁle, ﬂow, oﬃce", "file, flow, office"),
        ("œuvre, Æsop, ß, ĳ, ﷺ", "œuvre, Æsop, ß, ĳ, ﷺ"),
    ],
)
def test_characters_and_whitespace(text: str, expected: str):
    assert normalise(text) == expected


def test_broken_words_are_joined_where_the_document_knows_the_whole_word():
    words = frozenset({"payment", "self-hosted"})
    assert join_broken_words("The pay- ment is due.", words=words) == "The payment is due."
    assert join_broken_words("pre- and post-war pay- ments", words=words) == "pre- and post-war pay- ments"
    assert join_broken_words("Pay- Ment", words=words) == "Pay- Ment"


def test_words_broken_over_a_page_are_put_before_the_break():
    def over(first: str, second: str, *, kind: ElementKind = ElementKind.TEXT, pages: tuple[int, int] = (1, 2)) -> list[str]:
        pieces = [(ElementKind.TEXT, first, pages[0]), (kind, second, pages[1]), (ElementKind.TEXT, "A payment.", 2)]
        return texts(clean(document_of(*pieces, media_type=MediaType.PDF, n_pages=2)))[:2]

    assert over("It is due at pay-", "ment, and not later.") == ["It is due at payment,", "and not later."]
    assert over("All is well-", "known by now.") == ["All is well-", "known by now."], "a word of its own with a hyphen"
    assert over("The pay-", "Ment") == ["The pay-", "Ment"]
    assert over("The pay-", "ment | 2", kind=ElementKind.TABLE) == ["The pay-", "ment | 2"]
    assert over("The pay-", "ment on one page", pages=(1, 1)) == ["The pay-", "ment on one page"]


def test_compounds_at_a_line_end_keep_their_hyphen():
    assert texts(clean(document_of((ElementKind.TEXT, "A well- known and well-known fact.", None)))) == [
        "A well- known and well-known fact."
    ]


def test_hyphenation_in_a_document_but_not_in_its_tables():
    cleaned = clean(
        document_of((ElementKind.TEXT, "The pay- ment is one payment.", None), (ElementKind.TABLE, "pay- ment | 1\npayment | 2", None))
    )
    assert texts(cleaned) == ["The payment is one payment.", "pay- ment | 1\npayment | 2"]


def test_lines_on_most_slides_are_left_out_and_noted():
    pieces = [
        (ElementKind.TEXT, text, page) for page in range(1, 6) for text in (f"Fact of slide {'abcde'[page - 1]}", f"ACME, slide {page}")
    ]
    cleaned = clean(document_of(*pieces, media_type=MediaType.PPTX, n_pages=5))
    assert texts(cleaned) == [f"Fact of slide {letter}" for letter in "abcde"]
    assert cleaned.notes == ("Lines that come again on most pages were left out: 5.",)


def test_what_comes_again_on_slides_but_is_no_running_line_stays():
    def slides(n: int, kind: ElementKind, text: str) -> int:
        pieces = [(k, t, page) for page in range(1, n + 1) for k, t in ((ElementKind.TEXT, f"Fact {'abcdef'[page]}"), (kind, text))]
        return sum(text in piece for piece in texts(clean(document_of(*pieces, media_type=MediaType.PPTX, n_pages=n))))

    assert slides(5, ElementKind.TEXT, "ACME Corporation") == 0
    assert slides(2, ElementKind.TEXT, "ACME Corporation") == 2, "two pages are too few to tell"
    assert slides(5, ElementKind.TABLE, "City | Hotel\nParis | 140") == 5, "a table that comes again"
    assert slides(5, ElementKind.TITLE, "Results") == 5, "a heading that comes again"
    assert slides(5, ElementKind.TEXT, "All prices are given without value-added tax.") == 5, "a sentence that is said again"


def test_running_lines_of_a_pdf_are_its_parsers_business():
    pieces = [(ElementKind.TEXT, "ACME Corporation", page) for page in range(1, 6)]
    assert len(texts(clean(document_of(*pieces, media_type=MediaType.PDF, n_pages=5)))) == 5


def test_lines_that_come_twice_or_without_pages_stay():
    twice = [(ElementKind.TEXT, "Same words", page) for page in (1, 2)]
    assert len(texts(clean(document_of(*twice, media_type=MediaType.PPTX, n_pages=5)))) == 2
    unpaged = [(ElementKind.TEXT, "Same words", None)] * 5
    assert len(texts(clean(document_of(*unpaged)))) == 5


def test_code_keeps_its_spaces_and_its_broken_encodings():
    assert texts(clean(document_of((ElementKind.CODE, 'assert fix("MÃ¼nchen") == x', None)))) == ['assert fix("MÃ¼nchen") == x']
    assert texts(clean(document_of((ElementKind.CODE, "if x:\n    y  =  1", None)))) == ["if x:\n    y  =  1"]


def test_properties_of_elements_survive():
    builder = DocumentBuilder(max_text_chars=1000)
    builder.add(ElementKind.TITLE, "Ti\x00tle", level=2, page=3)
    builder.add(ElementKind.TABLE, "a  | b\n1 | 2", n_header_rows=1, caption="Cap\u00a0tion", page=3)
    cleaned = clean(builder.build(media_type=MediaType.DOCX))
    title, table = cleaned.elements
    assert (title.level, title.page) == (2, 3)
    assert (table.n_header_rows, table.caption) == (1, "Cap tion")
    assert texts(cleaned) == ["Title", "a | b\n1 | 2"]
    assert cleaned.title == "Title"


def test_repairs_are_noted():
    assert clean(document_of((ElementKind.TEXT, "MÃ¼nchen", None))).notes == ("Broken encoding was repaired in 1 passages.",)
    assert clean(document_of((ElementKind.TEXT, "München", None))).notes == ()


@pytest.mark.parametrize("text", ["\x01\x02\x03", "• – …", "\ue001 \uf0b7"])
def test_nothing_legible(text: str):
    with pytest.raises(UnreadableDocument, match="legible") as caught:
        clean(document_of((ElementKind.TEXT, text, None)))
    assert caught.value.code == "no_text"


def test_a_digit_or_a_letter_of_any_script_is_legible():
    assert clean(document_of((ElementKind.TEXT, "7", None))).text == "7"
    assert clean(document_of((ElementKind.TEXT, "漢", None))).text == "漢"


def test_language_is_noted_where_it_is_clear():
    german = "Die Gewährleistung für Pumpen beträgt sechsunddreißig Monate ab Lieferung und gilt nicht für Verschleißteile."
    english = "The warranty period for pumps is thirty-six months from delivery and does not cover parts that wear."
    assert language_of([german]) == "de"
    assert language_of([english]) == "en"
    assert language_of(["12 | 13 | 14"]) is None
    assert language_of(["Guten Tag"]) is None, "too short to tell"
    assert len({language_of([german, english]) for _ in range(5)}) == 1


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=[]), min_size=1, max_size=60), min_size=1, max_size=6))
def test_offsets_hold_whatever_the_text(pieces: list[str]):
    text = "\n\n".join(pieces)
    elements, start = [], 0
    for piece in pieces:
        elements.append(Element(ElementKind.TEXT, start, start + len(piece)))
        start += len(piece) + 2
    document = Document(text=text, elements=tuple(elements), media_type=MediaType.TEXT)
    try:
        cleaned = clean(document)
    except UnreadableDocument:
        assert not any(character.isalnum() for piece in pieces for character in normalise(repair_encoding(piece)))
        return
    position = 0
    for element in cleaned.elements:
        piece = cleaned.text[element.start : element.end]
        assert element.start >= position
        assert piece
        assert piece == piece.strip()
        assert "\x00" not in piece
        position = element.end


@pytest.mark.timeout(20)
def test_a_word_without_end_takes_no_time():
    assert clean(document_of((ElementKind.TEXT, "x" * 500_000, None))).text == "x" * 500_000
