"""Erasing, on real parts: afterwards no file of the data directory holds a word or a vector of the erased document."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from docx import Document as WordDocument
from openpyxl import Workbook
from pptx import Presentation
from sqlalchemy import select

from footnote.core.catalog import schema
from footnote.core.catalog.erasures import ErasureCounts
from footnote.core.catalog.moment import now
from footnote.core.ids import point_id
from footnote.core.types import Message
from retrieval.index.edge import EdgeIndex
from serving.services import Services
from tests.acceptance.in_process import ANN, ask, collection, idle, ingest, running, spellings, traces
from tests.ingestion.files import lines, write_pdf

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
                    ordinal=0,
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
        await session.flush()
        session.add(schema.EvaluationCaseAttachment(case_id=f"case_{turn_id}", attachment_id=attachment_id))


async def vectors_of(services: Services, file_id: str) -> list[bytes]:
    """The vectors of the file's chunks as the engine has them: float32, a row each."""
    query = (
        select(schema.Chunk.id, schema.Chunk.version_id)
        .join(schema.Version, schema.Version.id == schema.Chunk.version_id)
        .join(schema.Attachment, schema.Attachment.id == schema.Version.attachment_id)
        .where(schema.Attachment.file_id == file_id)
    )
    async with services.catalog.database.read() as session:
        ids = [point_id(version_id=each.version_id, chunk_id=each.id, window=0) for each in await session.execute(query)]
    index = services.spaces.default.index
    assert isinstance(index, EdgeIndex)
    points = await index._call("Reading", lambda: index._opened()[1].retrieve(ids, with_payload=False, with_vector=True))
    return [np.asarray(point.vector["dense"], dtype=np.float32).tobytes() for point in points]


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
