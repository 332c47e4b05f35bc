"""Documents for work that reads many: those that search shows the caller, and no others."""

from footnote.core.catalog.catalog import Catalog
from tests.core.catalog.story import ANN, BEN, attach, caller, claim, collection, document, ingest, upload

TEXT = "Tides follow the moon."


async def test_only_live_documents_that_the_caller_may_read_are_listed_and_read(catalog: Catalog):
    place = await collection(catalog, ANN, "sailors")
    await attach(catalog, place, await upload(catalog))
    live = await ingest(catalog)
    await attach(catalog, place, await upload(catalog, text="Not read yet.", filename="later.txt"))
    await claim(catalog)
    for who in (ANN, caller("eve", "sailors")):
        (found,) = await catalog.live_documents.list(caller=who)
        assert (found.version_id, found.filename, found.collection_id) == (live, "tides.txt", place)
        assert await catalog.live_documents.read(live, caller=who) == document(TEXT)
    assert await catalog.live_documents.list(caller=BEN) == ()
    assert await catalog.live_documents.read(live, caller=BEN) is None
    assert await catalog.live_documents.read("ver_absent", caller=ANN) is None
