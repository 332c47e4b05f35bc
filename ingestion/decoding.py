"""Bytes of text to text."""

import codecs

from footnote.core.errors import UnreadableDocument

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_BYTES = 256 * 1024
_UTF16_SAMPLE_BYTES = 4 * 1024
_MIN_UTF16_BYTES = 8
_MANY_NULS, _FEW_NULS = 0.4, 0.02


def decoded(raw: bytes) -> str:
    r"""Return the text of bytes, its line ends as ``\\n``.

    The encoding is that of its byte order mark, else UTF-16 where every second byte is NUL, else UTF-8, else the one that fits best.

    Raises:
        UnreadableDocument: a byte order mark promises an encoding that the bytes are not in.
    """
    text = _decoded(raw)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def marked_encoding(head: bytes) -> str | None:
    """Return the encoding that a byte order mark tells; None without one."""
    return next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)


def unmarked_utf16(head: bytes) -> str | None:
    """Return the kind of UTF-16 in which text without a mark seems to be: the higher bytes of Latin letters are NUL, the lower never."""
    sample = head[:_UTF16_SAMPLE_BYTES]
    if len(sample) < _MIN_UTF16_BYTES or b"\x00" not in sample:
        return None
    even, odd = (sample[first::2].count(0) / (len(sample) / 2) for first in (0, 1))
    if odd >= _MANY_NULS and even <= _FEW_NULS:
        return "utf-16-le"
    if even >= _MANY_NULS and odd <= _FEW_NULS:
        return "utf-16-be"
    return None


def _decoded(raw: bytes) -> str:
    encoding = marked_encoding(raw) or unmarked_utf16(raw)
    if encoding is not None:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError as error:
            raise UnreadableDocument(
                f"The text is not valid {encoding}, as its first bytes say.", hint="Save it as UTF-8.", code="damaged"
            ) from error
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode(_likeliest_encoding(raw), errors="replace")


def _likeliest_encoding(raw: bytes) -> str:
    from charset_normalizer import from_bytes  # noqa: PLC0415 - only for text that is not UTF-8

    best = from_bytes(raw[:_SAMPLE_BYTES]).best()
    return best.encoding if best is not None else "cp1252"
