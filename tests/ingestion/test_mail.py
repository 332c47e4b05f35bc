"""E-mail, as EML and as Outlook's MSG."""

from email.message import EmailMessage
from pathlib import Path

import pytest

from footnote.core.errors import UnreadableDocument
from footnote.core.types import Document
from ingestion.media_type import MediaType
from ingestion.parsing import ParsingLimits, parse
from tests.ingestion.compound_files import outlook_message
from tests.ingestion.files import mail


def read(tmp_path: Path, content: bytes, filename: str) -> Document:
    path = tmp_path / "file"
    path.write_bytes(content)
    return parse(path, filename=filename, limits=ParsingLimits())


def pieces(document: Document) -> list[tuple[str, int | None, str]]:
    return [(e.kind.value, e.level, document.text[e.start : e.end]) for e in document.elements]


def test_mail(tmp_path: Path):
    document = read(tmp_path, mail(attachment=True), "a.eml")
    assert document.title == "Grüße aus Lenzow"
    assert pieces(document)[:3] == [
        ("title", 1, "Grüße aus Lenzow"),
        ("text", None, "From: Ada <ada@example.com>\nTo: Ben <ben@example.com>\nDate: Mon, 03 Mar 2025 10:00:00 +0000"),
        ("text", None, "The pump arrived on Monday and it works as it should."),
    ]
    assert document.notes == ("Attachments that were not read: a.pdf. Upload them by themselves.",)


def test_mail_prefers_its_web_page_whose_headings_stand_below_the_subject(tmp_path: Path):
    html = "<h1>News</h1><table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>"
    assert pieces(read(tmp_path, mail(html=html), "a.eml"))[2:] == [("title", 2, "News"), ("table", None, "a | b\n1 | 2")]


def message(subject: str, text: str) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["Subject"] = "ada@example.com", subject
    made.set_content(text)
    return made


def test_attached_texts_and_forwarded_messages_are_read_under_their_names(tmp_path: Path):
    outer = message("Pumps", "See below, please, and tell me what you think.")
    outer.add_attachment("The note says that pumps are late.", filename="note.txt")
    outer.add_attachment("<h1>Prices</h1><p>They went up.</p>", subtype="html", filename="prices.html")
    outer.add_attachment("part;stock\nvalve;12\n", subtype="csv", filename="stock.csv")
    outer.add_attachment(message("Late again", "The pumps are late once more, I fear."))
    outer.add_attachment(b"PK", maintype="application", subtype="zip", filename="all.zip")
    outer.add_attachment(b"x", maintype="image", subtype="png", cid="<logo>", disposition="inline")
    document = read(tmp_path, outer.as_bytes(), "a.eml")
    assert pieces(document)[2:] == [
        ("text", None, "See below, please, and tell me what you think."),
        ("title", 2, "Attachment: note.txt"),
        ("text", None, "The note says that pumps are late."),
        ("title", 2, "Attachment: prices.html"),
        ("title", 3, "Prices"),
        ("text", None, "They went up."),
        ("title", 2, "Attachment: stock.csv"),
        ("table", None, "part | stock\nvalve | 12"),
        ("title", 2, "Late again"),
        ("text", None, "From: ada@example.com"),
        ("text", None, "The pumps are late once more, I fear."),
    ]
    assert document.notes == ("Attachments that were not read: all.zip. Upload them by themselves.",)


def test_messages_forwarded_without_end_are_cut_off(tmp_path: Path):
    inner = message("Innermost", "Nobody forwards so often.")
    for number in range(20):
        outer = message(f"Number {number}", "Forwarded.")
        outer.add_attachment(inner)
        inner = outer
    document = read(tmp_path, inner.as_bytes(), "a.eml")
    assert "Number 19" in document.text
    assert "Innermost" not in document.text
    assert document.notes == ("Attachments that were not read: message/rfc822. Upload them by themselves.",)


def test_an_attached_text_in_an_unknown_encoding_is_named(tmp_path: Path):
    outer = message("Pumps", "The body is fine.")
    outer.add_attachment(b"x", maintype="text", subtype="plain", filename="odd.txt", params={"charset": "martian"})
    document = read(tmp_path, outer.as_bytes(), "a.eml")
    assert document.notes == ("Attachments that were not read: odd.txt. Upload them by themselves.",)


def test_an_outlook_message(tmp_path: Path):
    content = outlook_message(
        subject="Pumps", body="They came on Monday, all of them.", attachments={"note.txt": b"The note says more.", "a.pdf": b"%PDF-1.4"}
    )
    document = read(tmp_path, content, "a.msg")
    assert (document.media_type, document.title) == (MediaType.OUTLOOK, "Pumps")
    assert pieces(document) == [
        ("title", 1, "Pumps"),
        ("text", None, "From: Ada <ada@example.com>\nTo: Ben <ben@example.com>"),
        ("text", None, "They came on Monday, all of them."),
        ("title", 2, "Attachment: note.txt"),
        ("text", None, "The note says more."),
    ]
    assert document.notes == ("Attachments that were not read: a.pdf. Upload them by themselves.",)


def test_a_damaged_outlook_message(tmp_path: Path):
    content = outlook_message(subject="Pumps", body="They came on Monday.")
    lost = content.replace("0_1000001F".encode("utf-16-le"), "0_1009001F".encode("utf-16-le"))
    with pytest.raises(UnreadableDocument, match="Outlook message is damaged"):
        read(tmp_path, lost, "a.msg")
