"""E-mail (EML): its subject as the title, who wrote it to whom and when, and its body by unstructured. Attachments are not read."""

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path

from footnote.core.errors import UnreadableDocument
from footnote.core.types import Document, ElementKind
from ingestion.elements import DocumentBuilder
from ingestion.media_type import MediaType
from ingestion.parsing.limits import ParsingLimits
from ingestion.parsing.malformed import MALFORMED_INPUT_ERRORS
from ingestion.parsing.markup import level_of_plain_heading, pieces_of_html, pieces_of_text
from ingestion.parsing.partitioning import add_pieces, level_by_depth

_SHOWN_HEADERS = ("From", "To", "Cc", "Date")


def parse_mail(path: Path, *, limits: ParsingLimits) -> Document:
    """Return a message; of a body in two forms the web page is read, as its tables are tables."""
    message = _message(path)
    builder = DocumentBuilder(max_text_chars=limits.max_text_chars)
    builder.add(ElementKind.TITLE, _header(message, "Subject"), level=1)
    headers = [f"{name}: {value}" for name in _SHOWN_HEADERS if (value := _header(message, name))]
    builder.add(ElementKind.TEXT, "\n".join(headers))
    _add_body(builder, message)
    n_attachments = sum(1 for _ in message.iter_attachments())
    notes = (f"Attachments are not read: {n_attachments}.",) if n_attachments else ()
    return builder.build(media_type=MediaType.MAIL, notes=notes)


def _message(path: Path) -> EmailMessage:
    try:
        return email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    except MALFORMED_INPUT_ERRORS as error:
        raise UnreadableDocument("The e-mail is damaged.", hint="Save it again as .eml.") from error


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message[name] or "").split())
    except MALFORMED_INPUT_ERRORS:  # the header is parsed when it is looked at; one that cannot be parsed is left out
        return ""


def _add_body(builder: DocumentBuilder, message: EmailMessage) -> None:
    body = message.get_body(preferencelist=("html", "plain"))
    if body is None:
        return
    try:
        text = str(body.get_content())
    except MALFORMED_INPUT_ERRORS as error:
        raise UnreadableDocument("The e-mail's text is in an encoding that is unknown or wrong.", hint="Save it again as .eml.") from error
    if body.get_content_subtype() == "html":
        add_pieces(
            builder, pieces_of_html(text), heading_level=lambda piece: None if (level := level_by_depth(piece)) is None else level + 1
        )
    else:
        add_pieces(builder, pieces_of_text(text), heading_level=lambda piece: None if level_of_plain_heading(piece) is None else 2)
