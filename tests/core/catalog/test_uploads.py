"""Uploads: parts are referred to until they are a file or given up, and nobody else's are found."""

from datetime import timedelta

import pytest

from footnote.core.blobs import StoredBlob
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.moment import now
from footnote.core.catalog.records import PartialUpload, UploadState
from footnote.core.errors import Conflict, DocumentTooLarge, InvalidInput, NotFound

A, B, WHOLE = StoredBlob("a" * 64, 10), StoredBlob("b" * 64, 5), StoredBlob("c" * 64, 15)


async def begin(catalog: Catalog, *, owner: str = "ann", lives_s: int = 3_600) -> PartialUpload:
    return await catalog.uploads.create(
        owner=owner, filename="log.txt", purpose="assistants", size_bytes=15, lives_s=lives_s, file_expires_after_s=60
    )


async def test_parts_are_kept_until_the_file_is_there(catalog: Catalog):
    upload = await begin(catalog)
    first, second = [await catalog.uploads.add_part(upload.id, blob, owner="ann") for blob in (A, B)]
    assert await catalog.files.known_blobs([A.sha256, B.sha256]) == {A.sha256, B.sha256}
    _, chosen = await catalog.uploads.chosen_parts(upload.id, [second.id, first.id], owner="ann")
    assert chosen == (second, first)
    done, released = await catalog.uploads.complete(upload.id, WHOLE, owner="ann")
    assert (done.state, set(released)) == (UploadState.COMPLETED, {A.sha256, B.sha256})
    assert done.file is not None
    assert done.file == await catalog.files.get(done.file.id, owner="ann")
    assert done.file.expires_at == done.file.created_at + timedelta(seconds=60)
    assert await catalog.files.known_blobs([A.sha256, B.sha256, WHOLE.sha256]) == {WHOLE.sha256}


async def test_bytes_that_something_else_refers_to_are_not_released(catalog: Catalog):
    await catalog.files.create(
        owner="ben", filename="x", purpose="assistants", blob_sha256=A.sha256, size_bytes=A.size_bytes, media_type=None
    )
    upload = await begin(catalog)
    for blob in (A, B, B):
        await catalog.uploads.add_part(upload.id, blob, owner="ann")
    cancelled, released = await catalog.uploads.cancel(upload.id, owner="ann")
    assert (cancelled.state, released) == (UploadState.CANCELLED, (B.sha256,))


async def test_what_is_over_takes_no_parts_and_releases_them_once(catalog: Catalog):
    upload, other = await begin(catalog), await begin(catalog, lives_s=7_200)
    for each in (upload, other):
        await catalog.uploads.add_part(each.id, A, owner="ann")
    later = now() + timedelta(seconds=3_601)
    assert await catalog.uploads.expire(later) == ()
    assert await catalog.uploads.expire(later) == ()
    with pytest.raises(Conflict, match="expired"):
        await catalog.uploads.add_part(upload.id, B, owner="ann")
    assert await catalog.uploads.expire(later + timedelta(hours=1)) == (A.sha256,)


async def test_an_upload_whose_time_is_over_is_expired_before_anybody_has_tidied_up(catalog: Catalog):
    upload = await begin(catalog, lives_s=0)
    with pytest.raises(Conflict, match="expired"):
        await catalog.uploads.require_pending(upload.id, owner="ann")


async def test_parts_have_to_be_known_and_to_have_the_announced_size(catalog: Catalog):
    upload = await begin(catalog)
    part = await catalog.uploads.add_part(upload.id, A, owner="ann")
    for part_ids in ([part.id], [part.id, part.id], ["part_x"]):
        with pytest.raises(InvalidInput):
            await catalog.uploads.chosen_parts(upload.id, part_ids, owner="ann")
    await catalog.uploads.add_part(upload.id, WHOLE, owner="ann")
    with pytest.raises(DocumentTooLarge):
        await catalog.uploads.add_part(upload.id, A, owner="ann")
    assert await catalog.files.known_blobs([A.sha256]) == {A.sha256}


async def test_somebody_elses_upload_is_not_found(catalog: Catalog):
    upload = await begin(catalog, owner="ben")
    for attempt in (
        catalog.uploads.add_part(upload.id, A, owner="ann"),
        catalog.uploads.chosen_parts(upload.id, [], owner="ann"),
        catalog.uploads.complete(upload.id, WHOLE, owner="ann"),
        catalog.uploads.cancel(upload.id, owner="ann"),
    ):
        with pytest.raises(NotFound):
            await attempt
