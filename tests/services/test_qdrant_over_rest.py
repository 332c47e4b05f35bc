"""The contract over HTTP, by a client and a server that are two processes: requests and answers survive being JSON."""

import dataclasses
import uuid
from collections.abc import Iterator

import pytest
from qdrant_client import AsyncQdrantClient

from retrieval.index.port import Index
from retrieval.index.server import QdrantIndex
from tests.ports import free_port
from tests.retrieval.index.contract import IndexContract
from tests.retrieval.index.points import RECIPE
from tests.services.qdrant_stand_in import stand_in_process


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with stand_in_process(free_port()) as url:
        yield url


class TestOverRest(IndexContract):
    @pytest.fixture
    async def client(self, url):
        client = AsyncQdrantClient(url=url, prefer_grpc=False, check_compatibility=False, trust_env=False)
        yield client
        await client.close()

    @pytest.fixture
    def recipe(self):
        return dataclasses.replace(RECIPE, revision=uuid.uuid4().hex)

    @pytest.fixture
    async def index(self, client, recipe):
        index = QdrantIndex(client, recipe=recipe)
        await index.open()
        return index

    @pytest.fixture
    def reopen(self, index, client, recipe):
        async def reopened() -> Index:
            again = QdrantIndex(client, recipe=recipe)
            await again.open()
            return again

        return reopened
