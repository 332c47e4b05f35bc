"""What the settings say of a server's collection: sent when it is made, reported where it was made otherwise."""

import asyncio
import ssl
from pathlib import Path

import pytest
from qdrant_client import AsyncQdrantClient, models

from footnote.core.errors import InvalidSettings
from footnote.core.settings import IndexSettings
from retrieval.index.factory import create_qdrant_client
from retrieval.index.schema import INDEXED, physical_collection
from retrieval.index.server import QdrantIndex
from retrieval.index.server_layout import ServerLayout
from tests.retrieval.index.points import EVERYBODY, RECIPE, axis, point, query

BUSY = IndexSettings(
    shards=6,
    replication=2,
    write_consistency=2,
    quantisation="int8",
    oversampling=3.0,
    vectors_on_disk=True,
    payload_on_disk=False,
)


class Recording:
    """The client's in-memory mode, which notes what it is asked to make, and forgets payload indexes as that mode does."""

    def __init__(self) -> None:
        self._client = AsyncQdrantClient(":memory:")
        self.made: list[dict[str, object]] = []
        self.indexed: list[str] = []
        self.searched: list[models.SearchParams | None] = []
        self.barrier: asyncio.Barrier | None = None

    def __getattr__(self, name: str):
        return getattr(self._client, name)

    async def collection_exists(self, name: str) -> bool:
        found = await self._client.collection_exists(name)
        if self.barrier is not None:
            barrier, self.barrier = self.barrier, self.barrier if self.barrier.n_waiting == 0 else None
            await barrier.wait()
        return found

    async def create_collection(self, name: str, **arguments: object) -> bool:
        self.made.append(arguments)
        return await self._client.create_collection(name, **arguments)

    async def create_payload_index(self, name: str, *, field_name: str, field_schema: object) -> None:
        self.indexed.append(field_name)

    async def query_points(self, name: str, **arguments: object):
        prefetch = arguments.get("prefetch")
        self.searched.append(prefetch[0].params if prefetch else arguments.get("search_params"))
        return await self._client.query_points(name, **arguments)


@pytest.fixture
async def client():
    recording = Recording()
    yield recording
    await recording.close()


async def opened(client: Recording, layout: ServerLayout | None = None) -> QdrantIndex:
    index = QdrantIndex(client, recipe=RECIPE, layout=layout)
    await index.open()
    return index


async def test_the_settings_are_sent_when_it_is_made(client: Recording):
    index = await opened(client, ServerLayout.of(BUSY))
    (made,) = client.made
    assert (made["shard_number"], made["replication_factor"], made["write_consistency_factor"]) == (6, 2, 2)
    assert (made["on_disk_payload"], made["vectors_config"]["dense"].on_disk) == (False, True)
    assert made["quantization_config"].scalar.type == models.ScalarType.INT8
    await index.upsert([point("a", text="word")])
    for asked in (query(axis(0)), query(axis(0), "word")):
        assert len((await index.search(asked, EVERYBODY)).hits) == 1
    assert all(params.quantization == models.QuantizationSearchParams(rescore=True, oversampling=3.0) for params in client.searched)


async def test_without_settings_nothing_is_quantised_and_the_cluster_decides_on_shards(client: Recording):
    index = await opened(client)
    (made,) = client.made
    assert (made["shard_number"], made["quantization_config"], made["replication_factor"]) == (None, None, 1)
    await index.search(query(axis(0)), EVERYBODY)
    assert client.searched[0].quantization is None


def test_binary_quantisation():
    made = ServerLayout(quantisation="binary").creation(dimension=8)
    assert isinstance(made["quantization_config"], models.BinaryQuantization)


async def test_payload_indexes_that_are_missing_are_made_also_later(client: Recording):
    await opened(client)
    assert client.indexed == list(INDEXED)
    await opened(client)
    assert client.indexed == [*INDEXED, *INDEXED], "whoever made the collection may have died before"


async def test_two_processes_that_make_it_at_once_both_open_it(client: Recording):
    client.barrier = asyncio.Barrier(2)  # both are told that it is not there
    await asyncio.gather(opened(client), opened(client))
    assert len(client.made) == 2
    assert [found.name for found in (await client.get_collections()).collections] == [physical_collection(RECIPE)]


async def test_what_cannot_be_made_is_an_error(client: Recording, monkeypatch: pytest.MonkeyPatch):
    async def refuse(_name: str, **_arguments: object) -> bool:
        raise ValueError("no")

    monkeypatch.setattr(client, "create_collection", refuse)
    with pytest.raises(ValueError, match="no"):
        await opened(client)


def config(**changes: object) -> models.CollectionConfig:
    """What a server tells of a collection that was made with the defaults."""
    params = {
        "vectors": {"dense": models.VectorParams(size=8, distance=models.Distance.COSINE, on_disk=False)},
        "shard_number": 1,
        "replication_factor": 1,
        "write_consistency_factor": 1,
        "on_disk_payload": True,
    }
    quantisation = changes.pop("quantization_config", None)
    optimizer = models.OptimizersConfig(
        deleted_threshold=0.2, vacuum_min_vector_number=1000, default_segment_number=0, flush_interval_sec=5
    )
    return models.CollectionConfig(
        params=models.CollectionParams(**(params | changes)),
        hnsw_config=models.HnswConfig(m=16, ef_construct=100, full_scan_threshold=10_000),
        optimizer_config=optimizer,
        quantization_config=quantisation,
    )


INT8 = models.ScalarQuantization(scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8))


@pytest.mark.parametrize(
    ("layout", "found", "differing"),
    [
        (ServerLayout(), config(), []),
        (ServerLayout(shards=3), config(), ["shards"]),
        (ServerLayout(), config(shard_number=3), []),
        (ServerLayout(replication=2, write_consistency=2), config(), ["replication", "write_consistency"]),
        (ServerLayout(quantisation="int8"), config(), ["quantisation"]),
        (ServerLayout(quantisation="int8"), config(quantization_config=INT8), []),
        (ServerLayout(quantisation="binary"), config(quantization_config=INT8), ["quantisation"]),
        (ServerLayout(vectors_on_disk=True, payload_on_disk=False), config(), ["vectors_on_disk", "payload_on_disk"]),
    ],
    ids=repr,
)
def test_differences_are_told(layout: ServerLayout, found: models.CollectionConfig, differing: list[str]):
    told = layout.differences(found)
    assert [line.split()[0] for line in told] == [f"index.{name}" for name in differing]


async def test_an_index_that_was_made_otherwise_is_used_and_says_so(client: Recording, monkeypatch: pytest.MonkeyPatch):
    await opened(client)
    monkeypatch.setattr(ServerLayout, "differences", lambda _self, _found: ["index.shards is 3, and was 1"])
    health = await (await opened(client, ServerLayout(shards=3))).health()
    assert health.ready
    assert "index.shards is 3, and was 1" in health.detail


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_text(ssl.DER_cert_to_PEM_cert(ssl.create_default_context().get_ca_certs(binary_form=True)[0]))
    return path


async def test_the_key_and_certificates_go_to_both_interfaces(certificates: Path):
    client = create_qdrant_client(IndexSettings(kind="qdrant", url="https://qdrant:6333", api_key="sesame", tls_ca_file=certificates))
    remote = client._client
    assert remote._https
    assert remote._grpc_options["root_certificates"].startswith(b"-----BEGIN CERTIFICATE")
    assert len(remote._rest_args["verify"].get_ca_certs()) == 1
    assert remote._rest_headers["api-key"] == "sesame"
    await client.close()


@pytest.mark.parametrize("content", [None, b"nothing of the kind", b"\xff\xfe"])
def test_certificates_that_cannot_be_read_are_told(tmp_path: Path, content: bytes | None):
    if content is not None:
        (tmp_path / "ca.pem").write_bytes(content)
    with pytest.raises(InvalidSettings, match="cannot be read as certificates"):
        create_qdrant_client(IndexSettings(kind="qdrant", url="https://qdrant:6333", tls_ca_file=tmp_path / "ca.pem"))
