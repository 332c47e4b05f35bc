"""Lists and counts of a collection with 10,000 files, of which half are twins: a page, a filtered page, a page's worth of counts."""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from sqlalchemy import insert, select

from footnote.core.catalog import schema
from footnote.core.catalog.attaching import NewAttachment
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.database import sqlite_url
from footnote.core.catalog.moment import now
from footnote.core.catalog.paging import Paging
from footnote.core.ids import new_id
from footnote.core.types import EVERYONE, Caller, JobState, VersionState

ANN = Caller(owner="ann", principals=frozenset({EVERYONE, "owner:ann"}))
BEN = Caller(owner="ben", principals=frozenset({EVERYONE, "owner:ben"}))
BATCH = 2_000
ROUNDS = 50


async def fill(catalog: Catalog, n_files: int) -> tuple[str, list[str]]:
    """Attach files, every second one the twin of the one before, every fourth not for everyone; complete nine of ten."""
    sea = (await catalog.collections.create(caller=ANN, principals=[EVERYONE], name="sea")).id
    async with catalog.database.write() as session:
        blobs = [f"{number:064x}" for number in range((n_files + 1) // 2)]
        blob = {"size_bytes": 1, "n_references": 2, "created_at": now()}
        await session.execute(insert(schema.Blob), [{"sha256": sha256, **blob} for sha256 in blobs])
        files = [_file(number, blobs[number // 2]) for number in range(n_files)]
        await session.execute(insert(schema.File), files)
    ids = [str(file["id"]) for file in files]
    for first in range(0, n_files, BATCH):
        wanted = [
            NewAttachment(file_id, principals=frozenset({"divers"}) if place % 4 < 2 else None)
            for place, file_id in enumerate(ids[first : first + BATCH])
        ]
        await catalog.batches.create(sea, wanted, caller=ANN)
    async with catalog.database.write() as session:
        for place, job in enumerate((await session.scalars(select(schema.Job))).all()):
            job.state = JobState.COMPLETED if place % 10 else JobState.FAILED
            if job.state == JobState.COMPLETED:
                session.add(_live_version(job))
    return sea, ids


def _file(number: int, sha256: str) -> dict[str, object]:
    return {
        "id": new_id("file"),
        "owner": ANN.owner,
        "blob_sha256": sha256,
        "filename": f"document-{number}.txt",
        "purpose": "assistants",
        "media_type": None,
        "size_bytes": 1,
        "created_at": now(),
        "expires_at": None,
    }


def _live_version(job: schema.Job) -> schema.Version:
    return schema.Version(
        id=new_id("ver"),
        attachment_id=job.attachment_id,
        document_id=None,
        content_sha256="0" * 64,
        recipe={},
        recipe_sha256="0" * 64,
        state=VersionState.LIVE,
        created_at=now(),
        live_at=now(),
    )


async def measure(name: str, work: Callable[[], Awaitable[object]], *, rounds: int = ROUNDS) -> None:
    """Print the median and the 95th percentile of a call's time in milliseconds."""
    await work()
    times: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        await work()
        times.append(1_000 * (time.perf_counter() - began))
    print(f"{name:<58}{statistics.median(times):>8.1f}{statistics.quantiles(times, n=20)[-1]:>8.1f}")


async def run(folder: Path, n_files: int) -> None:
    catalog = Catalog(sqlite_url(folder / "catalog.sqlite"))
    await catalog.open(default_principals=(EVERYONE,))
    try:
        began = time.perf_counter()
        sea, ids = await fill(catalog, n_files)
        print(f"{n_files} files attached in batches of {BATCH} in {time.perf_counter() - began:.1f} s; median and p95 in ms:")
        stores = [sea, *[(await catalog.collections.create(caller=ANN, principals=[EVERYONE], name=str(n))).id for n in range(19)]]
        deep = Paging(limit=100, order="asc", after=ids[n_files // 2])
        for who, caller in (("owner", ANN), ("reader of half", BEN)):
            listed = partial(catalog.attachments.list, sea, caller=caller)
            await measure(f"{who}: first page of 20", partial(listed, paging=Paging()))
            await measure(f"{who}: page of 100 in the middle", partial(listed, paging=deep))
            await measure(f"{who}: first page of 20, failed only", partial(listed, paging=Paging(), state="failed"))
            await measure(f"{who}: the same, in a state that none is in", partial(listed, paging=Paging(), state="cancelled"))
            await measure(f"{who}: counts and bytes of 20 collections", partial(catalog.attachments.usage, stores, caller=caller))
    finally:
        await catalog.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder), options.files))


if __name__ == "__main__":
    main()
