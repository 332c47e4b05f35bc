"""Redaction by setting, on real parts: the text without personal data is all that is kept beside the uploaded bytes."""

import shutil
from pathlib import Path

from sqlalchemy import select

from footnote.core.catalog import schema
from tests.acceptance.in_process import ANN, ask, collection, ingest, running, spellings, traces

TEXT = (
    "# Who to ask\n\nLeave of absence is granted by Ada; write to ada.marrowgate@example.com with two weeks' notice.\n\n"
    "Payments go out on Fridays to GB29NWBK60161331926819 and to nobody else.\n"
)
PERSONAL = ("ada.marrowgate@example.com", "marrowgate", "GB29NWBK60161331926819")


async def test_marked_data_is_in_no_chunk_answer_or_index_and_switching_it_on_reads_again(tmp_path: Path):
    data_dir = tmp_path / "data"
    async with running(data_dir) as services:
        store = await collection(services, "store")
        file_id, _ = await ingest(services, store, "who.md", TEXT.encode())
        plain = await services.catalog.attachments.get(store, file_id, caller=ANN)
    async with running(data_dir, redact=["EMAIL_ADDRESS", "IBAN_CODE"]) as services:
        again, _ = await ingest(services, await collection(services, "other"), "who.md", TEXT.encode())
        answer = await ask(services, store, "Whom does one write to about leave of absence?")
        assert "ada.marrowgate" in answer.turn.shown, "what was read before stays as it was until it is processed again"
        receipt = await services.eraser.erase(file_id, caller=ANN)
        assert receipt.kept_for == (again,)
        (other,) = [each for each in (await services.catalog.collections.readable(None, caller=ANN)) if each.name == "other"]
        record = await services.catalog.attachments.get(other.id, again, caller=ANN)
        counts = {name: n for name, n in record.job.counts.items() if name.startswith("redacted")}
        assert counts == {"redacted_email_address": 1, "redacted_iban_code": 1}
        assert record.live_version_id is not None
        assert plain.live_version_id is not None
        document = await services.catalog.versions.document_of(record.live_version_id)
        assert document.redactions == {"EMAIL_ADDRESS": 1, "IBAN_CODE": 1}
        assert "write to [EMAIL_ADDRESS] with" in document.text
        for chunk in await services.catalog.versions.chunks_of(record.live_version_id):
            assert document.text[chunk.start : chunk.end] == chunk.text
        answer = await ask(services, other.id, "Whom does one write to about leave of absence?")
        assert "[EMAIL_ADDRESS]" in answer.turn.shown
        async with services.catalog.database.read() as session:
            parsers = set(await session.scalars(select(schema.Document.parser)))
        assert len(parsers) == 1, "the text without marks went with the last version that was made of it"
    shutil.rmtree(data_dir / "blobs")  # the uploaded bytes stay as they are
    assert traces(data_dir, spellings(PERSONAL)) == []
