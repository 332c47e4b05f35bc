"""Parsed text goes when nothing can be made of it any more, and not before."""

from footnote.core.catalog.catalog import Catalog
from tests.core.catalog.story import ANN, PARSER, attach, claim, collection, document, ingest, upload

TEXT = "Tides follow the moon."


async def is_kept(catalog: Catalog, sha256: str, *, parser: str = PARSER) -> bool:
    return await catalog.versions.find_document(owner="ann", blob_sha256=sha256, parser=parser) is not None


async def test_deleting_a_collection_takes_the_text_of_files_that_are_in_no_other(catalog: Catalog):
    alone, shared = await upload(catalog, text=TEXT), await upload(catalog, text="Ebb and flow")
    sea, shore = await collection(catalog, name="sea"), await collection(catalog, name="shore")
    for file, places in ((alone, [sea]), (shared, [sea, shore])):
        for place in places:
            await attach(catalog, place, file)
            await ingest(catalog, text=TEXT if file is alone else "Ebb and flow")
    retired = await catalog.collections.delete(sea, caller=ANN)
    assert await is_kept(catalog, alone.blob_sha256), "as long as points may be in the index"
    await catalog.versions.forget(retired)
    assert not await is_kept(catalog, alone.blob_sha256)
    assert await is_kept(catalog, shared.blob_sha256)
    assert await catalog.files.get(alone.id, owner="ann") == alone


async def test_text_of_a_former_parser_goes_when_another_has_read_the_bytes(catalog: Catalog):
    file = await upload(catalog, text=TEXT)
    attachment = await attach(catalog, await collection(catalog), file)
    former = await ingest(catalog, text=TEXT)
    await catalog.attachments.read_again([former])
    _, lease = await claim(catalog)
    document_id = await catalog.versions.store_document(
        document("Tides follow the [STAR]."), owner="ann", blob_sha256=file.blob_sha256, parser="parser-2", lease=lease
    )
    version = await catalog.versions.begin(
        attachment_id=attachment.id,
        document_id=document_id,
        content_sha256=file.blob_sha256,
        recipe={"name": "second"},
        recipe_sha256="second",
        lease=lease,
    )
    await catalog.versions.store_chunks(version.id, [], lease=lease)
    retired = await catalog.versions.publish(version.id, n_points=0, lease=lease)
    assert retired == (former,)
    await catalog.versions.forget(retired)
    assert not await is_kept(catalog, file.blob_sha256)
    assert await is_kept(catalog, file.blob_sha256, parser="parser-2")


async def test_text_that_a_job_may_be_about_to_use_stays(catalog: Catalog):
    file = await upload(catalog, text=TEXT)
    await attach(catalog, await collection(catalog), file)
    job, lease = await claim(catalog)
    document_id = await catalog.versions.store_document(
        document(TEXT), owner="ann", blob_sha256=file.blob_sha256, parser=PARSER, lease=lease
    )
    version = await catalog.versions.begin(
        attachment_id=job.attachment_id,
        document_id=document_id,
        content_sha256=file.blob_sha256,
        recipe={},
        recipe_sha256="first",
        lease=lease,
    )
    await catalog.jobs.fail(lease, code="server_error", message="no")
    await catalog.versions.forget([version.id])
    assert await is_kept(catalog, file.blob_sha256)
