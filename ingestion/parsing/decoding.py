"""Bytes of text to text."""

import codecs

from footnote.core.errors import UnreadableDocument

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_BYTES = 256 * 1024


def decoded(raw: bytes) -> str:
    r"""Return the text of bytes: by its byte order mark, else UTF-8, else the encoding that fits best. Line ends become ``\\n``.

    Raises:
        UnreadableDocument: a byte order mark promises an encoding that the bytes are not in.
    """
    text = _decoded(raw)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decoded(raw: bytes) -> str:
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            try:
                return raw.decode(encoding)
            except UnicodeDecodeError as error:
                raise UnreadableDocument(f"The text is not valid {encoding}, as its first bytes say.", hint="Save it as UTF-8.") from error
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode(_likeliest_encoding(raw), errors="replace")


def _likeliest_encoding(raw: bytes) -> str:
    from charset_normalizer import from_bytes  # noqa: PLC0415 - only for text that is not UTF-8

    best = from_bytes(raw[:_SAMPLE_BYTES]).best()
    return best.encoding if best is not None else "cp1252"
