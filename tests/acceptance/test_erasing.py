"""Erasing, on real parts: afterwards no file of the data directory holds a word or a vector of the erased document."""

import asyncio
import re
import zipfile
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path

import pytest
from docx import Document as WordDocument
from openpyxl import Workbook
from pptx import Presentation
from sqlalchemy import select

from footnote.cli.wiring import open_services
from footnote.core.catalog import schema
from footnote.core.catalog.erasures import ErasureCounts
from footnote.core.catalog.moment import now
from footnote.core.settings import load_settings
from footnote.core.types import EVERYONE, Caller, Message
from serving.answer import AnswerFinished, Question
from serving.files import FileStore, UploadRecord
from serving.services import Services
from tests.ingestion.files import lines, write_pdf

ANN = Caller(owner="ann", principals=frozenset({EVERYONE, "owner:ann"}))

SECRET = "The Quillfeather ledger says that Marrowgate paid Oswin Tredegar in zirconium."
SECRET_WORDS = ("Quillfeather", "Marrowgate", "Tredegar", "zirconium")
KEPT = "The lighthouse at Bramblewick is painted every seventh spring by the harbour guild."
KEPT_WORDS = ("Bramblewick",)


def as_docx(text: str) -> bytes:
    document = WordDocument()
    document.add_heading(text.split()[1], level=1)
    document.add_paragraph(text)
    return saved(document)


def as_pptx(text: str) -> bytes:
    presentation = Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "Findings"
    slide.placeholders[1].text = text
    return saved(presentation)


def as_xlsx(text: str) -> bytes:
    workbook = Workbook()
    for row in (("Subject", "Finding"), ("Ledger", text)):
        workbook.active.append(row)
    return saved(workbook)


def as_mail(text: str) -> bytes:
    return f"From: a@example.com\nTo: b@example.com\nSubject: Findings\nContent-Type: text/plain\n\n{text}\n".encode()


def saved(document) -> bytes:
    buffer = BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def as_pdf(text: str, folder: Path) -> bytes:
    words = text.split()
    half = len(words) // 2
    return write_pdf(folder / "a.pdf", lambda canvas: lines(canvas, [" ".join(words[:half]), " ".join(words[half:])])).read_bytes()


def formats(text: str, folder: Path) -> dict[str, bytes]:
    return {
        "txt": text.encode(),
        "utf16.txt": text.encode("utf-16"),
        "md": f"# Findings\n\n{text}\n".encode(),
        "html": f"<html><body><h1>Findings</h1><p>{text}</p></body></html>".encode(),
        "csv": f"subject,finding\nledger,{text}\n".encode(),
        "eml": as_mail(text),
        "docx": as_docx(text),
        "pptx": as_pptx(text),
        "xlsx": as_xlsx(text),
        "pdf": as_pdf(text, folder),
    }


# ------------------------------------------------------------------------------------------------------------------- looking for it


def traces(folder: Path, needles: Sequence[bytes]) -> list[tuple[str, bytes]]:
    """Every file of a folder that holds one of the needles, as it is or packed, with the needle."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = b"\n".join(readings(path.read_bytes()))
        found += [(str(path.relative_to(folder)), needle) for needle in needles if needle in content]
    return found


def readings(content: bytes) -> Iterator[bytes]:
    yield content
    if zipfile.is_zipfile(BytesIO(content)):
        with zipfile.ZipFile(BytesIO(content)) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    for match in re.finditer(rb"stream\r?\n(.*?)endstream", content, re.DOTALL):
        try:
            yield zlib.decompress(match.group(1).strip())
        except zlib.error:
            continue


def spellings(words: Sequence[str]) -> list[bytes]:
    return [word.encode(encoding) for word in words for encoding in ("utf-8", "utf-16-le", "utf-16-be")]


# ------------------------------------------------------------------------------------------------------------------------ the story


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Services]:
    settings = load_settings(
        {
            "data_dir": folder,
            "generator": {"kind": "extractive"},
            "retrieval": {"min_evidence": 0.0},
            "ingestion": {"lease_s": 3.0},
            "telemetry": {"log_level": "error"},
        }
    )
    async with open_services(settings) as services:
        yield services


def files_of(services: Services) -> FileStore:
    return FileStore(catalog=services.catalog, blobs=services.blobs, eraser=services.eraser)


async def store(services: Services, name: str, content: bytes) -> str:
    async def pieces() -> AsyncIterator[bytes]:
        yield content

    def describe() -> UploadRecord:
        return UploadRecord(filename=name, purpose="assistants")

    return (await files_of(services).store(pieces(), caller=ANN, max_bytes=10**8, describe=describe)).id


async def ingest(services: Services, collection_id: str, name: str, content: bytes) -> tuple[str, str]:
    """A file that was read, as (file id, attachment id)."""
    file_id = await store(services, name, content)
    record = await services.catalog.attachments.attach(collection_id=collection_id, file_id=file_id, caller=ANN)
    services.wake_ingestion()
    async with asyncio.timeout(60):
        while not record.job.state.is_final:
            await asyncio.sleep(0.02)
            record = await services.catalog.attachments.get(collection_id, file_id, caller=ANN)
    assert record.job.state == "completed", (name, record.job.error_message)
    return file_id, record.id


async def ask(services: Services, collection_id: str, text: str, history: tuple[Message, ...] = ()) -> AnswerFinished:
    question = Question(caller=ANN, text=text, collection_ids=(collection_id,), history=history)
    events = [event async for event in services.answers.answer(question)]
    assert isinstance(events[-1], AnswerFinished)
    return events[-1]


async def collection(services: Services, name: str) -> str:
    return (await services.catalog.collections.create(caller=ANN, principals=(EVERYONE,), name=name)).id


async def quote_elsewhere(services: Services, attachment_id: str, turn_id: str) -> None:
    """Put the secret where evaluation and tuning keep text."""
    made = now()
    evaluation_set = schema.EvaluationSet(
        id=f"set_{turn_id}", owner="ann", principals=[], name=turn_id, number=1, kind="live", sha256="0" * 64, created_at=made
    )
    training_set = schema.TrainingSet(id=f"trn_{turn_id}", owner="ann", principals=[], sha256="0" * 64, card={}, created_at=made)
    async with services.catalog.database.write() as session:
        session.add_all([evaluation_set, training_set])
        await session.flush()
        session.add_all(
            [
                schema.EvaluationCase(
                    id=f"case_{turn_id}",
                    set_id=evaluation_set.id,
                    key="k",
                    attachment_id=attachment_id,
                    labels={"answer": SECRET},
                    tombstone=False,
                ),
                schema.TrainingRow(
                    id=f"row_{turn_id}",
                    set_id=training_set.id,
                    turn_id=turn_id,
                    attachment_ids=[],
                    rule="repair",
                    prompt=[{"role": "user", "content": SECRET}],
                    target=SECRET,
                    rejected=SECRET,
                ),
                schema.Feedback(
                    id=f"fb_{turn_id}", turn_id=turn_id, owner="ann", rating="down", comment=SECRET, correction=SECRET, created_at=made
                ),
            ]
        )


async def vectors_of(services: Services, file_id: str) -> list[bytes]:
    """The vectors that the file's chunks have, as the engine stores them."""
    query = (
        select(schema.Chunk.context, schema.Chunk.text)
        .join(schema.Version, schema.Version.id == schema.Chunk.version_id)
        .join(schema.Attachment, schema.Attachment.id == schema.Version.attachment_id)
        .where(schema.Attachment.file_id == file_id)
    )
    async with services.catalog.database.read() as session:
        chunks = (await session.execute(query)).all()
    texts = [f"{chunk.context}\n{chunk.text}" if chunk.context else chunk.text for chunk in chunks]
    embedder = services.searcher._embedder
    return [vector.tobytes() for vector in await embedder.embed_documents(texts)]


@pytest.mark.slow
async def test_no_file_of_the_data_directory_holds_a_word_or_a_vector_of_an_erased_document(tmp_path: Path):
    data_dir = tmp_path / "data"
    async with running(data_dir) as services:
        safe = await collection(services, "safe")
        kept, _ = await ingest(services, safe, "kept.docx", as_docx(KEPT))
        store_id = await collection(services, "store")
        await ingest(services, store_id, "filler.txt", "\n\n".join(f"Paragraph {n} is about tides and ships." for n in range(200)).encode())
        erased: list[str] = []
        for suffix, content in formats(SECRET, tmp_path).items():
            file_id, attachment_id = await ingest(services, store_id, f"findings.{suffix}", content)
            answer = await ask(services, store_id, "What did Marrowgate pay Oswin Tredegar in?")
            assert "zirconium" in answer.turn.shown, suffix
            follow_up = (Message(role="user", content="What?"), Message(role="assistant", content=answer.turn.shown))
            await ask(services, safe, "And who paints the lighthouse?", follow_up)
            await quote_elsewhere(services, attachment_id, answer.turn.id)
            erased.append(file_id)
            await services.catalog.attachments.detach(store_id, file_id, caller=ANN)  # one format at a time is found
            await services.catalog.attachments.attach(collection_id=safe, file_id=file_id, caller=ANN)
            services.wake_ingestion()
        await idle(services)
        vectors = [vector for file_id in erased for vector in await vectors_of(services, file_id)]
        assert len(vectors) >= len(erased)
        await services.catalog.database.checkpoint()
        held = {needle for _, needle in traces(data_dir, [*spellings(SECRET_WORDS), *vectors])}
        assert len([vector for vector in vectors if vector in held]) == len(vectors), "else the search for vectors shows nothing"
        assert {word.encode() for word in SECRET_WORDS} <= held

        for file_id in erased:
            receipt = await services.eraser.erase(file_id, caller=ANN)
            assert (receipt.state, receipt.purged, receipt.after) == ("done", True, ErasureCounts()), receipt
            assert receipt.before.turns >= 1
            assert min(receipt.before.points, receipt.before.chunks, receipt.before.cases, receipt.before.training_rows) >= 1
        needles = [*spellings(SECRET_WORDS), *vectors]
        assert traces(data_dir, needles) == [], "while the server runs"
    assert traces(data_dir, needles) == []
    assert traces(data_dir, spellings(KEPT_WORDS)) != []
    async with running(data_dir) as services:
        answer = await ask(services, safe, "How often is the lighthouse at Bramblewick painted?")
        assert "seventh" in answer.turn.shown
        assert {passage.file_id for passage in answer.passages} == {kept}
    assert traces(data_dir, needles) == []


async def idle(services: Services) -> None:
    async with asyncio.timeout(120):
        while await services.catalog.jobs.n_open():
            await asyncio.sleep(0.05)
