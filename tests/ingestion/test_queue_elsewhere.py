"""What a server says of a queue that others work on."""

from footnote.core.catalog.catalog import Catalog
from ingestion.queue_elsewhere import QueueElsewhere


async def test_a_server_says_whether_anybody_reads_documents(catalog: Catalog) -> None:
    queue = QueueElsewhere(catalog, lease_s=60)
    assert "footnote worker" in (await queue.health()).detail
    assert (await queue.health()).ready, "questions are answered all the same"
    await catalog.workers.beat(worker_id="w", host="h", process_id=1, application_version="1")
    assert (await queue.health()).facts["workers"] == 1
    assert (await QueueElsewhere(catalog, lease_s=-60).health()).facts["workers"] == 0
