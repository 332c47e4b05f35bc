"""Who may re-index is asked before a model is opened and before anything is built again."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.database import sqlite_url
from footnote.core.errors import AccessDenied
from footnote.core.settings import load_settings
from footnote.core.types import EVERYONE
from retrieval.spaces import Spaces
from serving.reindexing import Reindexing
from tests.core.catalog.story import ANN, BEN, attach, collection, upload
from tests.core.catalog.test_reindexes import NEW, work


class Untouched:
    """Spaces that nobody may ask for anything."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"{name} of the spaces was asked for")


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[Catalog]:
    opened = Catalog(sqlite_url(tmp_path / "catalog.sqlite"))
    await opened.open(default_principals=(EVERYONE,))
    yield opened
    await opened.close()


@pytest.mark.parametrize("place", ["hers", "default"])
async def test_a_stranger_is_refused_before_anything_is_done(catalog: Catalog, tmp_path: Path, place: str):
    sea = place if place == "default" else await collection(catalog, ANN, EVERYONE)
    await attach(catalog, sea, await upload(catalog))
    await work(catalog)
    if place == "hers":
        await catalog.reindexes.start(sea, caller=ANN, recipe=NEW, chunking=None)
        await work(catalog)
    woken: list[bool] = []
    reindexing = Reindexing(
        catalog=catalog,
        spaces=cast("Spaces", Untouched()),
        settings=load_settings({"data_dir": tmp_path}, environment={}),
        wake=lambda: woken.append(True),
    )
    with pytest.raises(AccessDenied):
        await reindexing.start(sea, caller=BEN, embedder=None, chunking=None)
    with pytest.raises(AccessDenied):
        await reindexing.flip(sea, caller=BEN, accept_missing=True)
    with pytest.raises(AccessDenied):
        await reindexing.flip_back(sea, caller=BEN)
    assert woken == []
