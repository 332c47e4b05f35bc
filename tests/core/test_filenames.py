import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.core.filenames import MAX_FILENAME_BYTES, UNNAMED, sanitised_filename


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\Report 2025.docx", "Report 2025.docx"),
        ("a\x00b\nc\td.txt", "abcd.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("  two   spaces .txt ", "two spaces .txt"),
        ("U\u0308bersicht.pdf", "Übersicht.pdf"),
        ("", UNNAMED),
        ("..", UNNAMED),
        ("dir/", UNNAMED),
        ("\x00\x01", UNNAMED),
        (".htaccess", ".htaccess"),
    ],
)
def test_names(name: str, expected: str):
    assert sanitised_filename(name) == expected


def test_long_names_keep_their_extension():
    assert sanitised_filename("ü" * 400 + ".pdf").endswith("ü.pdf")
    assert len(sanitised_filename("ü" * 400 + ".pdf").encode()) <= MAX_FILENAME_BYTES


@given(st.text(alphabet=st.characters(exclude_categories=[]), max_size=600))
def test_any_name_becomes_one_safe_component(name: str):
    safe = sanitised_filename(name)
    assert safe
    assert len(safe.encode()) <= MAX_FILENAME_BYTES
    assert not set(safe) & set("/\\\x00\n")
    assert safe.strip(". ")
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in safe)
    assert sanitised_filename(safe) == safe
