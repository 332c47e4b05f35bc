"""Files: each upload is one of its own, its bytes are shared, and its document goes when nobody of its owner has the bytes."""

from datetime import timedelta

import pytest

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.moment import now
from footnote.core.catalog.paging import Paging
from footnote.core.errors import NotFound
from tests.core.catalog.story import ANN, BEN, PARSER, attach, collection, erase, ingest, upload


async def test_a_file_is_read_by_its_owner_alone(catalog: Catalog):
    file = await upload(catalog)
    assert await catalog.files.get(file.id, owner="ann") == file
    for attempt in (catalog.files.get(file.id, owner="ben"), catalog.erasures.begin(file.id, owner="ben")):
        with pytest.raises(NotFound) as caught:
            await attempt
        assert str(caught.value) == f"There is no file {file.id}."
    assert (await catalog.files.list(owner="ben", paging=Paging())).items == ()


async def test_the_same_bytes_uploaded_again_are_a_new_file(catalog: Catalog):
    first, second = await upload(catalog), await upload(catalog)
    assert first.id != second.id
    assert first.blob_sha256 == second.blob_sha256


async def test_files_are_listed_newest_first_by_purpose(catalog: Catalog):
    files = [await upload(catalog, text=str(number)) for number in range(3)]
    batch = await catalog.files.create(
        owner="ann", filename="b", purpose="batch", blob_sha256="0" * 64, size_bytes=1, media_type=None, expires_at=now() + timedelta(1)
    )
    newest_first = [batch, *reversed(files)]
    assert list((await catalog.files.list(owner="ann", paging=Paging())).items) == newest_first
    page = await catalog.files.list(owner="ann", paging=Paging(limit=2, after=batch.id), purpose="assistants")
    assert (list(page.items), page.has_more) == (newest_first[1:3], True)
    assert (await catalog.files.list(owner="ann", paging=Paging(), purpose="batch")).items == (batch,)


async def test_a_page_goes_on_after_a_file_that_is_gone(catalog: Catalog):
    files = [await upload(catalog) for _ in range(3)]
    await erase(catalog, files[1])
    page = await catalog.files.list(owner="ann", paging=Paging(after=files[1].id))
    assert page.items == (files[0],)


async def test_bytes_are_kept_until_the_last_file_has_gone(catalog: Catalog):
    ann, ben = await upload(catalog, ANN), await upload(catalog, BEN)
    assert await erase(catalog, ann) == [], "ben has the same bytes"
    assert not await catalog.files.forget_unshared_blob(ann.blob_sha256)
    assert await catalog.files.known_blobs([ann.blob_sha256, "0" * 64]) == {ann.blob_sha256}
    assert await erase(catalog, ben) == [ben.blob_sha256]
    assert await catalog.files.known_blobs([ben.blob_sha256]) == frozenset()


async def test_a_document_goes_with_the_last_file_of_its_owner(catalog: Catalog):
    sea = await collection(catalog)
    first, second = await upload(catalog), await upload(catalog)
    await upload(catalog, BEN)
    await attach(catalog, sea, first)
    version = await ingest(catalog)
    await attach(catalog, sea, second)

    async def is_kept() -> bool:
        found = await catalog.versions.find_document(owner="ann", blob_sha256=first.blob_sha256, parser=PARSER)
        return found is not None

    await erase(catalog, first)
    assert await is_kept(), "the second file has the same bytes, and is in the collection"
    await erase(catalog, second)
    assert not await is_kept(), "ben's file keeps the bytes, not what ann's parser made of them"
    with pytest.raises(NotFound):
        await catalog.versions.text_of(version)
