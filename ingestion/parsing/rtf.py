"""Rich Text (RTF), by a reader of our own: the packages that read it give text without headings, and loosely divided tables.

The format is a stream of control words in groups; a group inherits its surroundings' properties and gives them back at its end. Read are
text, paragraphs, headings (by style or outline level), list items and tables; pictures, headers, footers, comments and hidden or deleted
text are left out. Source: Rich Text Format Specification, version 1.9.1.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from footnote.core.errors import UnreadableDocument
from footnote.core.types import Document, ElementKind
from ingestion.elements import DocumentBuilder
from ingestion.media_type import MediaType
from ingestion.parsing.captions import is_table_caption
from ingestion.parsing.grids import add_table
from ingestion.parsing.limits import ParsingLimits

_TOKEN = re.compile(
    rb"\\'(?P<byte>[0-9a-fA-F]{2})|\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,10})? ?|\\(?P<symbol>[^a-zA-Z])"
    rb"|(?P<open>\{)|(?P<close>\})|(?P<text>[^\\{}\r\n\x00]+)|[\r\n\x00]+"
)
_SYMBOLS = {b"~": "\u00a0", b"_": "\u2011", b"-": "", b"\\": "\\", b"{": "{", b"}": "}"}
_CHARACTER_WORDS = {
    b"tab": "\t", b"line": "\n", b"emdash": "—", b"endash": "–", b"lquote": "‘", b"rquote": "’", b"ldblquote": "“", b"rdblquote": "”",
    b"bullet": "•", b"emspace": " ", b"enspace": " ", b"qmspace": " ", b"zwj": "\u200d", b"zwnj": "\u200c",
}  # fmt: skip
_WORDS_LEFT_OUT = frozenset(
    b"colortbl pict objdata header headerl headerr headerf footer footerl footerr footerf annotation atnid atnauthor atnref atntime "
    b"fldinst listtable listoverridetable revtbl rsidtbl generator themedata datastore latentstyles xmlnstbl filetbl pgptbl "
    b"ftnsep ftnsepc ftncn aftnsep aftnsepc aftncn bkmkstart bkmkend tc xe txe rxe sp shprslt template nonshppict upr pn pntxta pntxtb "
    b"listtext pntext".split()
)
_KEPT_THOUGH_STARRED = frozenset(b"shpinst shptxt ud footnote".split())
_CODE_PAGE_BY_CHARSET = {
    77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gb18030", 136: "big5", 161: "cp1253", 162: "cp1254", 163: "cp1258",
    177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250", 255: "cp437",
}  # fmt: skip
_HEADING_STYLE = re.compile(r"^(?:heading|überschrift|titre|título|titolo|kop|rubrik)\s*(\d)\b", re.IGNORECASE)
_TITLE_STYLE = re.compile(r"^(?:title|titel)$", re.IGNORECASE)
_BODY_LEVEL = 9
_LEFT_OUT = b"left out"
_MAX_DEPTH = 10_000
_MAX_LEVEL = 6


@dataclass(frozen=True, slots=True)
class _Paragraph:
    """The properties that the word ``pard`` sets back."""

    style: int = 0
    outline: int = _BODY_LEVEL
    in_table: bool = False
    is_item: bool = False


@dataclass(frozen=True, slots=True)
class _State:
    """What a group inherits. ``n_fallback`` counts the characters after each in Unicode that stand for it in older readers."""

    destination: bytes = b"text"
    encoding: str = ""
    n_fallback: int = 1
    is_hidden: bool = False
    paragraph: _Paragraph = _Paragraph()


@dataclass(slots=True)
class _Row:
    """A row of a table while it is read, and the definition of its cells."""

    cells: list[str] = field(default_factory=list[str])
    continues_above: list[bool] = field(default_factory=list[bool])
    next_continues: bool = False
    is_header: bool = False


def parse_rtf(path: Path, *, limits: ParsingLimits) -> Document:
    """Return a Rich Text document.

    Raises:
        UnreadableDocument: its groups are nested as in no document.
    """
    builder = DocumentBuilder(max_text_chars=limits.max_text_chars)
    reader = _Reader(builder)
    reader.read(path.read_bytes())
    return builder.build(media_type=MediaType.RTF, title=reader.title)


class _Reader:
    """Goes through the tokens and appends paragraphs and tables to a document."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._state = _State()
        self._outer: list[_State] = []
        self._default_encoding = "cp1252"
        self._fonts: dict[int, str] = {}
        self._font = 0
        self._style_levels: dict[int, int] = {}
        self._style = 0
        self._name: list[str] = []
        self._title: list[str] = []
        self._is_item = False
        self._text: list[str] = []
        self._bytes = bytearray()
        self._footnotes: list[str] = []
        self._outside_footnote: list[str] = []
        self._row = _Row()
        self._rows: list[list[str]] = []
        self._n_header_rows = 0
        self._caption: str | None = None
        self._to_skip = 0

    @property
    def title(self) -> str | None:
        return " ".join(_joined(self._title).split()) or None

    def read(self, raw: bytes) -> None:
        for token in _tokens(raw):
            self._take(token)
        self._end_paragraph()
        self._end_table()

    # ---------------------------------------------------------------------------------------------------------------------- tokens

    def _take(self, token: re.Match[bytes]) -> None:
        kind = token.lastgroup
        if kind == "open":
            self._open()
        elif kind == "close":
            self._close()
        elif kind in ("word", "number"):
            self._word(token["word"], None if token["number"] is None else int(token["number"]))
        elif kind == "symbol":
            self._symbol(token["symbol"])
        elif kind == "byte":
            self._add_bytes(bytes.fromhex(token["byte"].decode("ascii")))
        elif kind == "text":
            self._add_bytes(token["text"])

    def _open(self) -> None:
        self._end_bytes()
        self._to_skip = 0
        self._outer.append(self._state)
        if len(self._outer) > _MAX_DEPTH:
            raise UnreadableDocument(
                "The file is nested as no document is.",
                hint="Open it in the program that made it, save it again, and upload the new copy.",
                code="damaged",
            )

    def _close(self) -> None:
        self._end_bytes()
        self._to_skip = 0
        if not self._outer:
            return
        inner, self._state = self._state, self._outer.pop()
        if inner.destination == b"footnote" and self._state.destination != b"footnote":
            self._footnotes.append(_joined(self._text))
            self._text = self._outside_footnote

    def _symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            self._state = replace(self._state, destination=self._state.destination + b"*")
        elif symbol in b"\r\n":
            self._end_paragraph()
        elif self._skips():
            return
        else:
            self._add(_SYMBOLS.get(symbol, ""))

    def _word(self, word: bytes, number: int | None) -> None:
        starred, destination = self._state.destination.endswith(b"*"), self._state.destination.removesuffix(b"*")
        if starred:
            known = word in _KEPT_THOUGH_STARRED
            self._state = replace(self._state, destination=destination if known else _LEFT_OUT)
        if word in _WORDS_LEFT_OUT:
            self._is_item |= word in (b"listtext", b"pntext") and destination == b"text"
            self._turn_to(_LEFT_OUT)
        elif self._state.destination == _LEFT_OUT and word != b"ud":
            return
        elif word == b"u":
            self._unicode(number or 0)
        elif word in _CHARACTER_WORDS:
            if not self._skips():
                self._add(_CHARACTER_WORDS[word])
        elif word in _ACTIONS:
            _ACTIONS[word](self, 1 if number is None else number)

    def _turn_to(self, destination: bytes) -> None:
        self._end_bytes()
        self._state = replace(self._state, destination=destination)

    # ------------------------------------------------------------------------------------------------------------------------ text

    def _skips(self) -> bool:
        """Whether the next character only stands for the one before it, which was given in Unicode."""
        if self._to_skip:
            self._to_skip -= 1
            return True
        return False

    def _add_bytes(self, content: bytes) -> None:
        if self._to_skip:
            n_skipped = min(self._to_skip, len(content))
            self._to_skip -= n_skipped
            content = content[n_skipped:]
        self._bytes += content

    def _end_bytes(self) -> None:
        """Turn waiting bytes into text: together, as a character of Chinese or Japanese is two of them."""
        if self._bytes:
            encoding = self._state.encoding or self._default_encoding
            text = bytes(self._bytes).decode(encoding, errors="replace")
            self._bytes.clear()
            self._put(text)

    def _add(self, text: str) -> None:
        self._end_bytes()
        self._put(text)

    def _put(self, text: str) -> None:
        destination = self._state.destination
        if destination in (b"text", b"footnote"):
            if not self._state.is_hidden:
                self._text.append(text)
        elif destination == b"stylesheet":
            self._name.append(text)
            if ";" in text:
                self._end_style()
        elif destination == b"title":
            self._title.append(text)

    def _unicode(self, code: int) -> None:
        self._to_skip = 0
        self._add(chr(code % 0x10000) if code < 0x10000 else chr(min(code, 0x10FFFF)))
        self._to_skip = self._state.n_fallback

    # -------------------------------------------------------------------------------------------------------------------- settings

    def begin_fonts(self, _: int) -> None:
        self._turn_to(b"fonttbl")

    def begin_styles(self, _: int) -> None:
        self._turn_to(b"stylesheet")

    def begin_information(self, _: int) -> None:
        self._turn_to(b"info")

    def begin_title(self, _: int) -> None:
        if self._state.destination == b"info":
            self._turn_to(b"title")

    def begin_unicode_text(self, _: int) -> None:
        self._turn_to(b"text")

    def begin_footnote(self, _: int) -> None:
        if self._state.destination == b"text":
            self._turn_to(b"footnote")
            self._outside_footnote, self._text = self._text, []

    def set_code_page(self, number: int) -> None:
        self._end_bytes()
        self._default_encoding = _known_encoding(f"cp{number}") or "cp1252"

    def set_macintosh(self, _: int) -> None:
        self._default_encoding = "mac_roman"

    def set_font(self, number: int) -> None:
        if self._state.destination == b"fonttbl":
            self._font = number
            return
        self._end_bytes()
        self._state = replace(self._state, encoding=self._fonts.get(number, ""))

    def set_font_charset(self, number: int) -> None:
        if self._state.destination == b"fonttbl" and number in _CODE_PAGE_BY_CHARSET:
            self._fonts[self._font] = _CODE_PAGE_BY_CHARSET[number]

    def set_font_code_page(self, number: int) -> None:
        encoding = _known_encoding(f"cp{number}")
        if self._state.destination == b"fonttbl" and encoding:
            self._fonts[self._font] = encoding

    def set_fallback_length(self, number: int) -> None:
        self._state = replace(self._state, n_fallback=max(0, number))

    def set_hidden(self, number: int) -> None:
        self._end_bytes()
        self._state = replace(self._state, is_hidden=number != 0)

    def set_plain(self, _: int) -> None:
        self._end_bytes()
        self._state = replace(self._state, is_hidden=False, encoding="")

    # ------------------------------------------------------------------------------------------------------------------ paragraphs

    def set_style(self, number: int) -> None:
        if self._state.destination == b"stylesheet":
            self._style = number
        else:
            self._set_paragraph(style=number)

    def set_outline(self, number: int) -> None:
        if self._state.destination == b"stylesheet":
            self._style_levels[self._style] = number + 1
        else:
            self._set_paragraph(outline=number)

    def _end_style(self) -> None:
        name = " ".join(_joined(self._name).split()).rstrip(";").strip()
        self._name.clear()
        heading = _HEADING_STYLE.match(name)
        if heading is not None:
            self._style_levels.setdefault(self._style, int(heading.group(1)))
        elif _TITLE_STYLE.match(name):
            self._style_levels.setdefault(self._style, 1)
        self._style = 0

    def set_paragraph_back(self, _: int) -> None:
        self._end_bytes()
        self._state = replace(self._state, paragraph=_Paragraph())

    def set_item(self, _: int) -> None:
        self._set_paragraph(is_item=True)

    def set_in_table(self, number: int) -> None:
        self._set_paragraph(in_table=number != 0)

    def _set_paragraph(self, **properties: int) -> None:
        self._end_bytes()
        self._state = replace(self._state, paragraph=replace(self._state.paragraph, **properties))

    def end_paragraph(self, _: int) -> None:
        self._end_bytes()
        if self._state.destination == b"footnote" or self._state.paragraph.in_table:
            self._text.append("\n")
        elif self._state.destination == b"text":
            self._end_paragraph()

    def _end_paragraph(self) -> None:
        self._end_bytes()
        text = " ".join(_joined(self._text).split())
        self._text = []
        self._end_table()
        if text:
            self._add_paragraph(text)
        self._is_item = False
        for footnote in self._footnotes:
            self._builder.add(ElementKind.TEXT, " ".join(footnote.split()))
        self._footnotes.clear()

    def _add_paragraph(self, text: str) -> None:
        paragraph = self._state.paragraph
        level = paragraph.outline + 1 if paragraph.outline < _BODY_LEVEL else self._style_levels.get(paragraph.style)
        if level is not None and 0 < level <= _BODY_LEVEL:
            self._builder.add(ElementKind.TITLE, text, level=min(level, _MAX_LEVEL))
            return
        self._caption = text if is_table_caption(text) else None
        kind = ElementKind.CAPTION if self._caption else ElementKind.LIST_ITEM if paragraph.is_item or self._is_item else ElementKind.TEXT
        self._builder.add(kind, text)

    # ---------------------------------------------------------------------------------------------------------------------- tables

    def begin_row(self, _: int) -> None:
        self._row = replace(self._row, continues_above=[], next_continues=False, is_header=False)

    def set_header_row(self, _: int) -> None:
        self._row.is_header = True

    def set_continues_above(self, _: int) -> None:
        self._row.next_continues = True

    def define_cell(self, _: int) -> None:
        self._row.continues_above.append(self._row.next_continues)
        self._row.next_continues = False

    def end_cell(self, _: int) -> None:
        self._end_bytes()
        self._row.cells.append(" ".join(_joined(self._text).split()))
        self._text = []

    def end_inner_cell(self, _: int) -> None:
        """Keep a table within a cell as words of that cell."""
        self._add(" ")

    def end_row(self, _: int) -> None:
        self._end_bytes()
        row, above = self._row, self._rows[-1] if self._rows else []
        for place, continues in enumerate(row.continues_above[: len(row.cells)]):
            if continues and not row.cells[place] and place < len(above):
                row.cells[place] = above[place]
        if any(row.cells):
            self._n_header_rows += row.is_header and self._n_header_rows == len(self._rows)
            self._rows.append(row.cells)
        self._row = replace(row, cells=[])
        self._text = []

    def _end_table(self) -> None:
        if self._row.cells:
            self.end_row(1)
        if self._rows:
            add_table(self._builder, self._rows, n_header_rows=self._n_header_rows, caption=self._caption)
            self._rows, self._n_header_rows, self._caption = [], 0, None


_ACTIONS: dict[bytes, Callable[[_Reader, int], None]] = {
    b"fonttbl": _Reader.begin_fonts,
    b"stylesheet": _Reader.begin_styles,
    b"info": _Reader.begin_information,
    b"title": _Reader.begin_title,
    b"ud": _Reader.begin_unicode_text,
    b"footnote": _Reader.begin_footnote,
    b"ansicpg": _Reader.set_code_page,
    b"mac": _Reader.set_macintosh,
    b"f": _Reader.set_font,
    b"fcharset": _Reader.set_font_charset,
    b"cpg": _Reader.set_font_code_page,
    b"uc": _Reader.set_fallback_length,
    b"v": _Reader.set_hidden,
    b"deleted": _Reader.set_hidden,
    b"plain": _Reader.set_plain,
    b"s": _Reader.set_style,
    b"outlinelevel": _Reader.set_outline,
    b"pard": _Reader.set_paragraph_back,
    b"ls": _Reader.set_item,
    b"intbl": _Reader.set_in_table,
    b"par": _Reader.end_paragraph,
    b"sect": _Reader.end_paragraph,
    b"page": _Reader.end_paragraph,
    b"trowd": _Reader.begin_row,
    b"trhdr": _Reader.set_header_row,
    b"clvmrg": _Reader.set_continues_above,
    b"cellx": _Reader.define_cell,
    b"cell": _Reader.end_cell,
    b"nestcell": _Reader.end_inner_cell,
    b"nestrow": _Reader.end_inner_cell,
    b"row": _Reader.end_row,
}


def _tokens(raw: bytes) -> Iterator[re.Match[bytes]]:
    """Yield the tokens in order; raw bytes after the word ``bin`` are passed over, as they may look like anything."""
    position = 0
    while (token := _TOKEN.match(raw, position)) is not None:
        position = token.end()
        if token["word"] == b"bin" and token["number"] is not None:
            position += max(0, int(token["number"]))
            continue
        yield token


def _joined(parts: list[str]) -> str:
    """Return parts as one text; characters that were given in two halves are put together."""
    return "".join(parts).encode("utf-16-le", errors="surrogatepass").decode("utf-16-le", errors="replace")


def _known_encoding(name: str) -> str | None:
    try:
        return name if "".encode(name) == b"" else None
    except LookupError:
        return "utf-8" if name == "cp65001" else None
