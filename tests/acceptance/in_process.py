"""footnote in the tests' own process, on a data directory whose files can be searched for traces."""

import asyncio
import re
import zipfile
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path

from footnote.cli.wiring import open_services
from footnote.core.settings import load_settings
from footnote.core.types import EVERYONE, Caller, Message
from serving.answer import AnswerFinished, Question
from serving.files import FileStore, UploadRecord
from serving.services import Services

ANN = Caller(owner="ann", principals=frozenset({EVERYONE, "owner:ann"}))

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
async def running(folder: Path, **ingestion: object) -> AsyncIterator[Services]:
    """Open everything, with answers that are quotes."""
    settings = load_settings(
        {
            "data_dir": folder,
            "generator": {"kind": "extractive"},
            "retrieval": {"min_evidence": 0.0},
            "ingestion": {"lease_s": 3.0, **ingestion},
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


async def idle(services: Services) -> None:
    async with asyncio.timeout(120):
        while await services.catalog.jobs.n_open():
            await asyncio.sleep(0.05)
