"""Segments, columns and tables, on words placed by hand."""

from ingestion.parsing.page_glyphs import PageGlyphs, Ruling, Word
from ingestion.parsing.pdf.segments import in_column_order, rows_of, segment_of, segments_of
from ingestion.parsing.pdf.tables import aligned_table, is_number, n_header_rows, ruled_tables, table_spans


def word(text: str, left: float, top: float, *, right: float | None = None, size: float = 10, bold: bool = False) -> Word:
    return Word(text, left, top, right if right is not None else left + 5 * len(text), top + size, size, bold)


def test_a_gap_wider_than_a_line_is_high_divides_segments():
    segments = segments_of([word("two", 0, 0), word("words", 20, 0), word("apart", 60, 0)])
    assert [s.text for s in segments] == ["two words", "apart"]


def test_raised_type_stays_in_its_row():
    rows = rows_of(segments_of([word("AppleCare", 0, 10), word("®", 46, 8, size=5), word("Next", 0, 25)]))
    assert [[s.text for s in row] for row in rows] == [["AppleCare ®"], ["Next"]]


def test_hebrew_and_arabic_are_read_from_the_right():
    assert segment_of([word("עולם", 0, 0), word("שלום", 30, 0)]).text == "שלום עולם"
    assert segment_of([word("hello", 0, 0), word("world", 30, 0)]).text == "hello world"


def test_chinese_is_joined_without_spaces():
    assert segment_of([word("漢字", 0, 0, right=20), word("仮名", 21, 0, right=40)]).text == "漢字仮名"


def test_a_currency_goes_with_the_number_after_it():
    words = [word("Cash", 0, 0), word("79", 100, 0), word("$", 115, 0), word("13", 160, 0), word("%", 185, 0)]
    (row,) = rows_of(segments_of(words))
    assert [s.text for s in row] == ["Cash", "79", "$ 13%"]


def columns_of_prose() -> list[Word]:
    left = [word(f"left{line} has a line of words", 50, 100 + 12 * line, right=280) for line in range(12)]
    right = [word(f"right{line} has other words here", 310, 100 + 12 * line, right=540) for line in range(12)]
    return [*left, *right]


def test_columns_of_prose_are_read_one_after_the_other():
    parts = in_column_order(segments_of(columns_of_prose()), left=0, right=600)
    assert [[s.text[:4] for s in part] for part in parts] == [["left"] * 12, ["righ"] * 12]


def test_what_crosses_both_columns_divides_the_page():
    heading = word("a heading over both columns of the page", 50, 80, right=540)
    figure = word("a caption over both columns of the page", 50, 170, right=540)
    words = [heading, *[w if w.top < 160 else word(w.text, w.left, w.top + 30, right=w.right) for w in columns_of_prose()], figure]
    parts = in_column_order(segments_of(words), left=0, right=600)
    assert [part[0].text.split()[0] for part in parts] == ["a", "left0", "right0", "a", "left5", "right5"]


def test_labels_and_numbers_are_no_columns():
    words = [
        w for line in range(12) for w in (word(f"label{line} of a long row", 50, 100 + 12 * line), word("1,234", 400, 100 + 12 * line))
    ]
    assert len(in_column_order(segments_of(words), left=0, right=600)) == 1


def test_numbers_and_header_rows():
    assert all(is_number(cell) for cell in ("1", "1,234.5", "$ 12", "(317)", "—", "8 %", "-3"))
    assert not any(is_number(cell) for cell in ("", "2022", "Note 3", "12 months", "a"))
    assert n_header_rows([["", "2022"], ["Sales", "12"]]) == 1
    assert n_header_rows([["", "Three months"], ["", "2022"], ["Sales", "12"]]) == 2
    assert n_header_rows([["Sales", "12"], ["Costs", "3"]]) == 0
    assert n_header_rows([["City", "Country"], ["Paris", "France"], ["Rome", "Italy"]]) == 1


def test_a_heading_over_two_columns_does_not_make_them_one():
    lines = [
        [word("Three months ended", 100, 0, right=200)],
        [word("2022", 100, 12), word("2021", 170, 12)],
        [word("Sales", 0, 24), word("12", 100, 24), word("11", 170, 24)],
        [word("Costs", 0, 36), word("7", 100, 36), word("6", 170, 36)],
    ]
    rows = rows_of(segments_of([w for line in lines for w in line]))
    assert table_spans(rows) == [(0, 4)]
    table = aligned_table(rows)
    assert table.text == "| Three months ended\n| 2022 | 2021\nSales | 12 | 11\nCosts | 7 | 6"
    assert table.n_header_rows == 2


def test_one_row_with_a_gap_is_no_table():
    assert table_spans(rows_of(segments_of([word("Signed:", 0, 0), word("Ada", 200, 0), word("More text below", 0, 12)]))) == []


def grid(xs: list[float], ys: list[float]) -> tuple[Ruling, ...]:
    return (*(Ruling(True, y, xs[0], xs[-1]) for y in ys), *(Ruling(False, x, ys[0], ys[-1]) for x in xs))


def page(words: list[Word], rulings: tuple[Ruling, ...]) -> PageGlyphs:
    return PageGlyphs(number=1, width=600, height=800, words=tuple(words), rulings=rulings)


def test_words_between_lines_form_a_table_and_others_are_left():
    inside = [word("City", 5, 5), word("Price", 105, 5), word("Paris", 5, 25), word("140", 105, 25)]
    outside = word("outside", 5, 100)
    ((table, taken),) = ruled_tables(page([*inside, outside], grid([0, 100, 200], [0, 20, 40])))
    assert table.rows == (("City", "Price"), ("Paris", "140"))
    assert taken == inside


def test_a_frame_or_underlines_are_no_table():
    words = [word("City", 5, 5), word("Paris", 5, 25)]
    assert ruled_tables(page(words, grid([0, 200], [0, 20, 40]))) == []
    assert ruled_tables(page(words, tuple(Ruling(True, y, 0, 200) for y in (0, 20, 40)))) == []
