"""Outlook messages (MSG): taken apart by python-oxmsg, which comes with unstructured, and read like any other e-mail."""

import email.policy
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from footnote.core.errors import UnreadableDocument
from footnote.core.types import Document
from ingestion.media_type import MediaType
from ingestion.parsing.limits import ParsingLimits
from ingestion.parsing.mail import document_of_message
from ingestion.parsing.malformed import MALFORMED_INPUT_ERRORS

_BINARY = "application/octet-stream"


def parse_outlook(path: Path, *, limits: ParsingLimits) -> Document:
    """Return a message; one that is attached to it as an Outlook item is named, not read."""
    try:
        message = _as_mail(path)
    except MALFORMED_INPUT_ERRORS as error:
        raise UnreadableDocument(
            "The Outlook message is damaged, or holds no e-mail.", hint="Save it from Outlook again, or as .eml.", code="damaged"
        ) from error
    return document_of_message(message, media_type=MediaType.OUTLOOK, limits=limits)


def _as_mail(path: Path) -> EmailMessage:
    from oxmsg import Message  # noqa: PLC0415 - rarely needed

    outlook: Any = Message.load(str(path))
    mail = EmailMessage(policy=email.policy.default)
    headers: dict[str, Any] = {
        "Subject": outlook.subject,
        "From": outlook.sender,
        "To": ", ".join(_address(recipient) for recipient in outlook.recipients),
        "Date": outlook.sent_date and format_datetime(outlook.sent_date),
    }
    for name, value in headers.items():
        if value:
            mail[name] = " ".join(str(value).split())
    if outlook.body:
        mail.set_content(outlook.body)
    if outlook.html_body:
        mail.add_alternative(outlook.html_body, subtype="html")
    for attachment in outlook.attachments:
        content = attachment.file_bytes if attachment.attached_by_value else b""
        kind = (attachment.mime_type or _BINARY) if content else _BINARY
        maintype, _, subtype = kind.partition("/")
        name = attachment.file_name or "Outlook item"
        mail.add_attachment(content or b"", maintype=maintype, subtype=subtype or "octet-stream", filename=name)
    return mail


def _address(recipient: Any) -> str:
    name, address = recipient.name or "", recipient.email_address or ""
    return f"{name} <{address}>" if name and address and name != address else address or name
