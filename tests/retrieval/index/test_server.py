"""The contract on qdrant-client's in-memory mode, and on a real server where FOOTNOTE_TEST_QDRANT_URL names one.

The in-memory mode is Python of the client's own, without payload indexes and without a graph. Scores, orders, filters and IDF are the
same; where it says otherwise the contract does too.
"""

import dataclasses
import os
import uuid
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from qdrant_client import AsyncQdrantClient, models

from footnote.core.errors import IndexSchemaMismatch, IndexUnavailable
from footnote.core.settings import IndexSettings
from retrieval.index.factory import create_index
from retrieval.index.port import Index
from retrieval.index.schema import physical_collection
from retrieval.index.server import QdrantIndex
from tests.retrieval.index.contract import IndexContract
from tests.retrieval.index.points import EVERYBODY, RECIPE, axis, query

URL = os.environ.get("FOOTNOTE_TEST_QDRANT_URL")


class TestInMemory(IndexContract):
    @pytest.fixture
    async def client(self):
        client = AsyncQdrantClient(":memory:")
        yield client
        await client.close()

    @pytest.fixture
    async def index(self, client):
        index = QdrantIndex(client, recipe=RECIPE)
        await index.open()
        return index

    @pytest.fixture
    def reopen(self, index, client):
        async def reopened() -> Index:
            again = QdrantIndex(client, recipe=RECIPE)
            await again.open()
            return again

        return reopened

    async def test_another_recipe_has_a_collection_of_its_own(self, index, client):
        other = QdrantIndex(client, recipe=dataclasses.replace(RECIPE, revision="2"))
        await other.open()
        assert len((await client.get_collections()).collections) == 2

    async def test_a_collection_that_somebody_made_otherwise_is_refused(self, client):
        await client.create_collection(
            physical_collection(RECIPE), vectors_config={"dense": models.VectorParams(size=3, distance=models.Distance.COSINE)}
        )
        with pytest.raises(IndexSchemaMismatch):
            await QdrantIndex(client, recipe=RECIPE).open()


@pytest.mark.skipif(URL is None, reason="needs a Qdrant server: set FOOTNOTE_TEST_QDRANT_URL")
class TestServer(IndexContract):
    """Each test has a recipe, and so a Qdrant collection, of its own, which is dropped afterwards."""

    @pytest.fixture
    def recipe(self):
        return dataclasses.replace(RECIPE, revision=uuid.uuid4().hex)

    @pytest.fixture
    async def index(self, recipe, tmp_path):
        index = create_index(self.settings(), data_dir=tmp_path, recipe=recipe)
        await index.open()
        yield index
        await index.close()
        client = AsyncQdrantClient(url=URL, check_compatibility=False)
        await client.delete_collection(physical_collection(recipe))
        await client.close()

    @pytest.fixture
    async def reopen(self, index, recipe, tmp_path):
        opened: list[Index] = []

        async def reopened() -> Index:
            opened.append(create_index(self.settings(), data_dir=tmp_path, recipe=recipe))
            await opened[-1].open()
            return opened[-1]

        yield reopened
        for again in opened:
            await again.close()

    @staticmethod
    def settings() -> IndexSettings:
        port = int(os.environ.get("FOOTNOTE_TEST_QDRANT_GRPC_PORT", "6334"))
        key = os.environ.get("FOOTNOTE_TEST_QDRANT_API_KEY")
        return IndexSettings(kind="qdrant", url=URL, grpc_port=port, api_key=SecretStr(key) if key else None)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9"])
async def test_a_server_that_is_down(url, tmp_path):
    index = create_index(IndexSettings(kind="qdrant", url=url, grpc_port=9, timeout_s=1), data_dir=tmp_path, recipe=RECIPE)
    with pytest.raises(IndexUnavailable, match="Qdrant says"):
        await index.open()
    with pytest.raises(IndexUnavailable):
        await index.search(query(axis(0)), EVERYBODY)
    health = await index.health()
    assert not health.ready
    assert urlsplit(url).hostname
    await index.close()
