"""Text: whether bytes are text at all, in which encoding, and of which kind."""

import re
import unicodedata

from ingestion.decoding import marked_encoding, unmarked_utf16
from ingestion.media_type import HTML_SUFFIXES, TEXT_KIND_BY_SUFFIX, XML_SUFFIXES, MediaType, unsupported

_MAX_CONTROL_SHARE = 0.005
_CONTROL_BYTES = bytes(set(range(0x20)) - {0x09, 0x0A, 0x0C, 0x0D, 0x1B}) + b"\x7f"
_STRANGE_CATEGORIES = ("Cc", "Cn", "Co", "Cs")
_MAX_STRANGE_SHARE = 0.02
_SPACES = "\t\n\f\r\x1b\ufeff"
_DECODED_CHARS = 4_096

_BEFORE_ROOT = rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).)*-->\s*)*"
_HTML_START = re.compile(_BEFORE_ROOT + rb"<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_HTML_TAG = re.compile(rb"</(p|div|table|body|html|h[1-6]|ul|ol|li|span|a|article|section|td)>", re.IGNORECASE)
_MAIL_HEADER = re.compile(
    rb"^(return-path|received|from|to|subject|date|message-id|mime-version|delivered-to|content-type):[ \t]*\S",
    re.IGNORECASE | re.MULTILINE,
)
_RTF_START = re.compile(rb"\s*\{\\rtf")
_NOT_READ = (
    (re.compile(rb"%!PS"), "PostScript", "Save it as PDF."),
    (re.compile(_BEFORE_ROOT + rb"(?:<!doctype\s+svg[^>]*>\s*)?<svg\b", re.IGNORECASE | re.DOTALL), "an SVG drawing", "Save it as PDF."),
    (re.compile(rb"\s*<\?xml\b"), "XML", "Save it as HTML or text."),
    (re.compile(rb"WEBVTT"), "subtitles (WebVTT)", "Save the spoken text as a text file."),
)


def text_of_head(head: bytes) -> bytes | None:
    """Return the beginning of a text, in UTF-8 where it is in UTF-16 or UTF-32; None where the bytes are no text.

    Text has no NUL but in those encodings, which a mark or the places of NULs tell, and hardly any controls.
    """
    encoding = marked_encoding(head) or unmarked_utf16(head)
    if encoding is not None and not encoding.startswith("utf-8"):
        text = head.decode(encoding, errors="ignore")[:_DECODED_CHARS]  # the head may end amid a character
        return text.encode("utf-8", errors="replace") if _is_legible(text) else None
    if b"\x00" in head:
        return None
    n_controls = len(head) - len(head.translate(None, _CONTROL_BYTES))
    return head.removeprefix(b"\xef\xbb\xbf") if n_controls <= _MAX_CONTROL_SHARE * len(head) else None


def _is_legible(text: str) -> bool:
    """Whether hardly any character is a control, unassigned or private: any bytes can be read as UTF-16, most of them as nonsense."""
    strange = sum(1 for character in text if character not in _SPACES and unicodedata.category(character) in _STRANGE_CATEGORIES)
    return strange <= _MAX_STRANGE_SHARE * len(text)


def kind_of_text(text: bytes, *, suffix: str) -> MediaType:
    """Return which kind of text it is: by how it begins, and where that tells nothing by the end of its name.

    Raises:
        UnsupportedMediaType: it is markup that is not read.
    """
    if _HTML_START.match(text):
        return MediaType.HTML
    if _RTF_START.match(text):
        return MediaType.RTF
    for pattern, looks_like, hint in _NOT_READ:
        if pattern.match(text):
            raise unsupported(looks_like, hint=hint)
    if suffix in TEXT_KIND_BY_SUFFIX:
        return TEXT_KIND_BY_SUFFIX[suffix]
    if suffix == ".eml" or _has_mail_headers(text):
        return MediaType.MAIL
    tags = _HTML_TAG.findall(text)
    if (suffix in HTML_SUFFIXES and tags) or (text.lstrip().startswith(b"<") and len(tags) >= 3):
        return MediaType.HTML
    if suffix in XML_SUFFIXES:
        raise unsupported("XML", hint="Save it as HTML or text.")
    return MediaType.TEXT


def _has_mail_headers(text: bytes) -> bool:
    """Whether the first paragraph has a sender and two more of the headers that every message carries."""
    first_paragraph = re.split(rb"\r?\n\r?\n", text.lstrip(), maxsplit=1)[0]
    if not _MAIL_HEADER.match(first_paragraph):
        return False
    found = {match.lower() for match in _MAIL_HEADER.findall(first_paragraph)}
    return bool(found & {b"from", b"return-path", b"received"}) and len(found) >= 3
