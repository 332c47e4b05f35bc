"""Near-duplicates: noted within one owner's documents, quickly, and told where files are listed."""

import random
import time
from dataclasses import replace

from sqlalchemy import func, insert, select

from footnote.core.catalog import schema
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.moment import now
from footnote.core.fingerprints import bands_of, fingerprint_of
from footnote.core.types import Caller
from tests.core.catalog.story import ANN, attach, caller, claim, collection, document, erase, upload

BOB = caller("bob")


def text_of(n_words: int = 300, seed: int = 1) -> str:
    rng = random.Random(seed)
    return " ".join(f"w{rng.randrange(50_000)}" for _ in range(n_words))


def edited(text: str, n_changed: int = 3) -> str:
    return " ".join([*(f"new{number}" for number in range(n_changed)), *text.split()[n_changed:]])


async def stored(catalog: Catalog, text: str, filename: str, by: Caller = ANN, *, parser: str = "p-1") -> tuple[str, str]:
    """Attach a file, store its document as a worker does, show it; return the file's and the document's id."""
    file = await upload(catalog, by, text=text, filename=filename)
    await attach(catalog, await collection(catalog, by, name=filename), file, by)
    job, lease = await claim(catalog)
    made = replace(document(text), fingerprint=fingerprint_of(text), notes=("One page has no text.",))
    document_id = await catalog.versions.store_document(made, owner=by.owner, blob_sha256=file.blob_sha256, parser=parser, lease=lease)
    version = await catalog.versions.begin(
        attachment_id=job.attachment_id, document_id=document_id, content_sha256=file.blob_sha256, recipe={}, recipe_sha256="r", lease=lease
    )
    await catalog.versions.publish(version.id, n_points=0, lease=lease)
    return file.id, document_id


async def near_duplicate_of(catalog: Catalog, document_id: str) -> str | None:
    async with catalog.database.read() as session:
        return (await session.get_one(schema.Document, document_id)).near_duplicate_of_id


async def notes(catalog: Catalog, file_id: str, caller: Caller = ANN) -> tuple[str, ...]:
    async with catalog.database.read() as session:
        attachment_id = await session.scalar(select(schema.Attachment.id).where(schema.Attachment.file_id == file_id))
    assert attachment_id is not None
    return (await catalog.attachments.by_id(attachment_id)).notes_for(caller)


async def test_a_document_nearly_the_same_is_noted_and_told_by_its_files_name(catalog: Catalog):
    text = text_of()
    _, first = await stored(catalog, text, "contract.txt")
    other_file, other = await stored(catalog, edited(text), "contract (2).txt")
    assert await near_duplicate_of(catalog, first) is None
    assert await near_duplicate_of(catalog, other) == first
    assert await notes(catalog, other_file) == ("One page has no text.", "Nearly the same as contract.txt.")


async def test_a_reader_who_is_not_the_owner_is_not_told_of_the_other_file(catalog: Catalog):
    text = text_of()
    await stored(catalog, text, "layoffs.txt")
    other_file, _ = await stored(catalog, edited(text), "contract.txt")
    assert await notes(catalog, other_file, BOB) == ("One page has no text.",)


async def test_of_several_the_most_alike_is_named(catalog: Catalog):
    text = text_of()
    await stored(catalog, edited(text, 8), "draft.txt")
    _, second = await stored(catalog, text, "final.txt")
    _, third = await stored(catalog, edited(text, 1), "final, signed.txt")
    assert await near_duplicate_of(catalog, third) == second


async def test_what_shares_only_a_part_is_not_noted(catalog: Catalog):
    text = text_of()
    await stored(catalog, text, "a.txt")
    words = text.split()
    file, half = await stored(catalog, " ".join([*words[:200], *text_of(100, seed=5).split()]), "b.txt")
    assert await near_duplicate_of(catalog, half) is None
    assert await notes(catalog, file) == ("One page has no text.",)


async def test_short_texts_are_not_noted(catalog: Catalog):
    await stored(catalog, "Tides follow the moon.", "a.txt")
    _, other = await stored(catalog, "Tides follow the moon!", "b.txt")
    assert await near_duplicate_of(catalog, other) is None


async def test_nothing_is_noted_across_owners(catalog: Catalog):
    text = text_of()
    await stored(catalog, text, "a.txt")
    _, other = await stored(catalog, edited(text), "b.txt", BOB)
    assert await near_duplicate_of(catalog, other) is None


async def test_the_same_bytes_read_by_another_parser_are_no_other_document(catalog: Catalog):
    text = text_of()
    await stored(catalog, text, "a.txt")
    _, again = await stored(catalog, text, "a.csv", parser="p-1.csv")
    assert await near_duplicate_of(catalog, again) is None


async def test_the_note_goes_with_the_file_that_it_names(catalog: Catalog):
    text = text_of()
    first_file, _ = await stored(catalog, text, "a.txt")
    other_file, other = await stored(catalog, edited(text), "b.txt")
    await erase(catalog, await catalog.files.get(first_file, owner="ann"))
    assert await near_duplicate_of(catalog, other) is None
    assert await notes(catalog, other_file) == ("One page has no text.",)
    async with catalog.database.read() as session:
        bands = await session.scalar(select(func.count()).select_from(schema.DocumentBand))
    assert bands == len(set(bands_of(fingerprint_of(edited(text)) or "", owner="ann")))


async def test_it_is_quick_among_ten_thousand_documents(catalog: Catalog):
    file = await upload(catalog, text="the bytes of all of them")
    rng = random.Random(3)
    documents, bands = [], []
    for number in range(10_000):
        fingerprint = rng.randbytes(128).hex()
        documents.append(
            {
                "id": f"doc-{number}", "owner": "ann", "blob_sha256": file.blob_sha256, "parser": f"p{number}", "text": "x", "elements": [],
                "media_type": "text/plain", "notes": [], "fingerprint": fingerprint, "redactions": {}, "created_at": now(),
            }
        )  # fmt: skip
        bands += [{"document_id": f"doc-{number}", "band": band} for band in bands_of(fingerprint, owner="ann")]
    async with catalog.database.write() as session:
        await session.execute(insert(schema.Document), documents)
        await session.execute(insert(schema.DocumentBand), bands)
    text = text_of()
    _, first = await stored(catalog, text, "first.txt")
    began = time.perf_counter()
    _, second = await stored(catalog, edited(text), "second.txt")
    assert time.perf_counter() - began < 1, "with upload, attachment and version"
    assert await near_duplicate_of(catalog, second) == first
