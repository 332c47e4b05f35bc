"""One server where a store is embedded: a second one is refused, and a restarted one is not."""

import asyncio
from pathlib import Path

import pytest

from footnote.core import only_server as module
from footnote.core.catalog.catalog import Catalog
from footnote.core.data_directory import DataDirectory
from footnote.core.errors import DataDirectoryInUse
from footnote.core.only_server import only_server

EMBEDDED = ["the index (set index.kind to `qdrant`)"]


async def test_a_server_with_another_data_directory_is_refused(catalog: Catalog):
    async with only_server(catalog, data_directory="first", embedded=EMBEDDED):
        with pytest.raises(DataDirectoryInUse, match=r"Another server.*set index\.kind to `qdrant`"):
            async with only_server(catalog, data_directory="second", embedded=EMBEDDED):
                pass
    async with only_server(catalog, data_directory="second", embedded=EMBEDDED):
        pass


async def test_a_server_that_was_killed_begins_again_at_once_on_its_directory(catalog: Catalog):
    assert await catalog.leases.take(module.LEASE, holder="first", ttl_s=60)  # and then the process was killed
    async with only_server(catalog, data_directory="first", embedded=EMBEDDED):
        pass


async def test_the_lease_is_kept_while_the_server_runs(catalog: Catalog, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "TTL_S", 0.3)
    taken: list[str] = []
    take = catalog.leases.take

    async def noted(name: str, *, holder: str, ttl_s: float) -> bool:
        taken.append(holder)
        if len(taken) == 4:
            enough.set()
        return await take(name, holder=holder, ttl_s=ttl_s)

    enough = asyncio.Event()
    monkeypatch.setattr(catalog.leases, "take", noted)
    async with only_server(catalog, data_directory="first", embedded=EMBEDDED):
        async with asyncio.timeout(10):
            await enough.wait()
    assert set(taken) == {"first"}


def test_a_data_directory_keeps_its_id_wherever_it_is_moved(tmp_path: Path):
    directory, other = DataDirectory(tmp_path / "data"), DataDirectory(tmp_path / "other")
    directory.create()
    other.create()
    given = directory.id
    (tmp_path / "data").rename(tmp_path / "moved")
    assert DataDirectory(tmp_path / "moved").id == given
    assert other.id != given
