"""E-mail (EML): its subject as the title, who wrote it to whom and when, its body, and what text is attached to it.

Attached texts and forwarded messages are part of what the message says, and are read under a heading of their own. Other attachments are
files by themselves, with pages and readers that a mail has not: they are named in a note, to be uploaded apart.
"""

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import cast

from footnote.core.errors import UnreadableDocument
from footnote.core.types import Document, ElementKind
from ingestion.elements import DocumentBuilder
from ingestion.media_type import MediaType
from ingestion.parsing.csv_tables import add_csv
from ingestion.parsing.limits import ParsingLimits
from ingestion.parsing.malformed import MALFORMED_INPUT_ERRORS
from ingestion.parsing.markup import level_of_plain_heading, pieces_of_text
from ingestion.parsing.partitioning import add_pieces
from ingestion.parsing.web_pages import add_page

_SHOWN_HEADERS = ("From", "To", "Cc", "Date")
_MAX_DEPTH = 5
_MAX_NAMED = 20
_MAX_NAME_CHARS = 80


def parse_mail(path: Path, *, limits: ParsingLimits) -> Document:
    """Return a message; of a body in two forms the web page is read, as its tables are tables."""
    try:
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    except MALFORMED_INPUT_ERRORS as error:
        raise UnreadableDocument("The e-mail is damaged.", hint="Save it again as .eml.", code="damaged") from error
    return document_of_message(message, media_type=MediaType.MAIL, limits=limits)


def document_of_message(message: EmailMessage, *, media_type: MediaType, limits: ParsingLimits) -> Document:
    """Return the document of a message, with a note of the attachments that were not read.

    Raises:
        UnreadableDocument: its text is in an encoding that is unknown or wrong.
    """
    writer = _Writer(DocumentBuilder(max_text_chars=limits.max_text_chars))
    writer.add_message(message, level=1)
    return writer.builder.build(media_type=media_type, notes=_notes(writer.unread))


def _notes(unread: list[str]) -> tuple[str, ...]:
    if not unread:
        return ()
    names = ", ".join(name[:_MAX_NAME_CHARS] for name in unread[:_MAX_NAMED])
    more = f" and {len(unread) - _MAX_NAMED} more" if len(unread) > _MAX_NAMED else ""
    return (f"Attachments that were not read: {names}{more}. Upload them by themselves.",)


class _Writer:
    """Appends messages to a document, and collects the names of attachments that it does not read."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self.builder = builder
        self.unread: list[str] = []

    def add_message(self, message: EmailMessage, *, level: int) -> None:
        """Append a message and what is attached to it; its headings stand below its subject, which has ``level``."""
        self.builder.add(ElementKind.TITLE, _header(message, "Subject"), level=level)
        headers = [f"{name}: {value}" for name in _SHOWN_HEADERS if (value := _header(message, name))]
        self.builder.add(ElementKind.TEXT, "\n".join(headers))
        body = message.get_body(preferencelist=("html", "plain"))
        if body is not None and body.get_payload() is not None:
            try:
                self._add_text(str(body.get_content()), subtype=body.get_content_subtype(), level=level)
            except MALFORMED_INPUT_ERRORS as error:
                raise UnreadableDocument(
                    "The e-mail's text is in an encoding that is unknown or wrong.", hint="Save it again as .eml.", code="damaged"
                ) from error
        for part in _attachments(message):
            if not _is_picture_of_body(part) and not self._is_added(part, level=level):
                self.unread.append(_name(part))

    def _is_added(self, part: EmailMessage, *, level: int) -> bool:
        """Append an attachment under its name where it is text or a message; return whether it was."""
        content_type = part.get_content_type()
        if content_type == "message/rfc822" and level < _MAX_DEPTH and (inner := _enclosed(part)) is not None:
            self.add_message(inner, level=level + 1)
            return True
        if part.get_content_maintype() != "text":
            return False
        try:
            text = str(part.get_content())
        except MALFORMED_INPUT_ERRORS:
            return False
        self.builder.add(ElementKind.TITLE, f"Attachment: {_name(part)}", level=level + 1)
        self._add_text(text, subtype=part.get_content_subtype(), level=level + 1)
        return True

    def _add_text(self, text: str, *, subtype: str, level: int) -> None:
        if subtype == "csv":
            add_csv(self.builder, text)
        elif subtype == "html":
            add_page(self.builder, text, below_level=level)
        else:
            add_pieces(
                self.builder,
                pieces_of_text(text),
                heading_level=lambda piece: None if level_of_plain_heading(piece) is None else level + 1,
            )


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message[name] or "").split())
    except MALFORMED_INPUT_ERRORS:  # the header is parsed when it is looked at; one that cannot be parsed is left out
        return ""


def _attachments(message: EmailMessage) -> Iterator[EmailMessage]:
    try:
        yield from message.iter_attachments()
    except MALFORMED_INPUT_ERRORS:  # a message that says it has parts and has none
        return


def _enclosed(part: EmailMessage) -> EmailMessage | None:
    try:
        inner: object = part.get_content()
    except MALFORMED_INPUT_ERRORS:
        return None
    return cast("EmailMessage", inner) if isinstance(inner, EmailMessage) else None


def _is_picture_of_body(part: EmailMessage) -> bool:
    """Whether a part is a logo or a picture that the body shows at its place."""
    return part.get_content_maintype() == "image" and part["Content-ID"] is not None and part.get_content_disposition() != "attachment"


def _name(part: EmailMessage) -> str:
    try:
        return " ".join((part.get_filename() or "").split()) or part.get_content_type()
    except MALFORMED_INPUT_ERRORS:
        return part.get_content_type()
