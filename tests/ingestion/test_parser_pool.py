"""The parser pool with real child processes: what happens to a document does not happen to the server."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from footnote.core.errors import DocumentTooLarge, ParserCrashed, UnreadableDocument
from footnote.core.settings import IngestionSettings
from footnote.core.types import Document
from ingestion.parser_pool import ParserPool
from tests.ingestion.files import BODY, lines, write_pdf
from tests.ingestion.hostile import never_answering


async def test_a_document_comes_out_and_the_next_one_too(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_text("A first line.\n\nA second paragraph that says more.", encoding="utf-8")
    pool = ParserPool(IngestionSettings())
    try:
        document = await pool.clean(await pool.parse(path, filename="note.txt"))
        assert "second paragraph" in document.text
        assert (await pool.parse(path, filename="note.txt")).text
    finally:
        await pool.close()


async def test_an_error_keeps_its_class_message_and_hint(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(b"")
    pool = ParserPool(IngestionSettings())
    try:
        with pytest.raises(UnreadableDocument) as caught:
            await pool.parse(path, filename="empty.txt")
        assert caught.value.message
    finally:
        await pool.close()


async def test_a_document_beside_one_that_dies_or_hangs_is_read_all_the_same(tmp_path: Path) -> None:
    path, fifo = tmp_path / "blob", never_answering(tmp_path / "fifo")
    path.write_text("Some text to read.", encoding="utf-8")
    pool = ParserPool(IngestionSettings(n_parsers=2))
    try:
        hanging = asyncio.create_task(pool.parse(fifo, filename="a.pdf"))
        with await asyncio.to_thread(fifo.open, "wb"):
            assert (await pool.parse(path, filename="note.txt")).text
            (busy,) = pool._busy
            os.kill(busy.pid, signal.SIGKILL)
            with pytest.raises(ParserCrashed):
                await hanging
        assert (await pool.parse(path, filename="note.txt")).text
    finally:
        await pool.close()


async def test_waiting_for_a_turn_does_not_count_as_reading(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", lambda canvas: lines(canvas, list(BODY)))
    fifo = never_answering(tmp_path / "fifo")
    pool = ParserPool(IngestionSettings(parse_timeout_s=3, n_parsers=1))
    try:
        calls = pool.parse(fifo, filename="a.pdf"), pool.parse(path, filename="a.pdf")
        slow, quick = await asyncio.gather(*calls, return_exceptions=True)
    finally:
        await pool.close()
    assert isinstance(slow, DocumentTooLarge)
    assert isinstance(quick, Document), "the time that it waited was as long as it may take"


def test_parsers_end_when_their_server_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_text("Some text to read.", encoding="utf-8")
    server = tmp_path / "server.py"
    server.write_text(SERVER.format(path=str(path)), encoding="utf-8")
    process = subprocess.Popen([sys.executable, str(server)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    child = psutil.Process(int(process.stdout.readline()))
    process.kill()
    process.wait()
    child.wait(timeout=10)
    process.stdout.close()


SERVER = """
import asyncio
from pathlib import Path

from footnote.core.settings import IngestionSettings
from ingestion.parser_pool import ParserPool


async def main():
    pool = ParserPool(IngestionSettings())
    await pool.parse(Path({path!r}), filename="note.txt")
    print(pool._idle[0].pid, flush=True)
    await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(main())
"""
