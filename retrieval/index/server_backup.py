"""Snapshots of a Qdrant server's collections, over its REST interface: the client can make them, but neither fetch nor send them.

Unverified: it has run against a scripted server only, not against Qdrant.
"""

import hashlib
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from footnote.core.errors import Conflict, IndexUnavailable, InvalidSettings
from footnote.core.settings import IndexSettings
from retrieval.index.schema import VERSION

_PREFIX = "footnote-"
_MOST_VERSIONS = 10_000_000
VERSIONS_PER_CALL = 1_000
CONNECT_TIMEOUT_S = 10.0
SNAPSHOT_TIMEOUT_S = 3_600.0
"""Making a snapshot of a large collection takes its time, and the server answers when it is done."""


class QdrantSnapshots:
    """footnote's collections on one server, as snapshots."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def collections(self) -> list[str]:
        """Return the names of footnote's collections.

        Raises:
            IndexUnavailable: the server does not answer; so for every method.
        """
        found = await self._call("GET", "/collections")
        names = (str(each["name"]) for each in found["collections"])
        return sorted(name for name in names if name.startswith(_PREFIX))

    async def require_one_node(self, collection: str) -> None:
        """Refuse a collection that lies on several nodes: a snapshot holds what one node has.

        Raises:
            Conflict: it does.
        """
        found = await self._call("GET", f"/collections/{_in_url(collection)}/cluster")
        if found.get("remote_shards"):
            raise Conflict(
                f"The Qdrant collection {collection} lies on several nodes, and a snapshot holds one node's part.",
                hint="Leave the index out with --without-index, and take the snapshots on each node with Qdrant's own tools.",
            )

    async def fetch(self, collection: str) -> AsyncGenerator[bytes]:
        """Make a snapshot, yield its bytes, and remove it from the server.

        Raises:
            IndexUnavailable: what arrived is not what the server says that it sent.
        """
        made = await self._call("POST", f"/collections/{_in_url(collection)}/snapshots", params={"wait": "true"})
        place = f"/collections/{_in_url(collection)}/snapshots/{_in_url(made['name'])}"
        digest = hashlib.sha256()
        try:
            async with _translated(), self._http.stream("GET", place) as response:
                _require_success(response)
                async for piece in response.aiter_bytes():
                    digest.update(piece)
                    yield piece
        finally:
            await self._call("DELETE", place, params={"wait": "true"})
        if made.get("checksum") not in (None, digest.hexdigest()):
            raise IndexUnavailable(f"The snapshot of {collection} was changed on its way.", hint="Try again.")

    async def restore(self, collection: str, snapshot: Path) -> None:
        """Make a collection from a snapshot.

        Raises:
            Conflict: a collection of this name is there.
        """
        if collection in await self.collections():
            raise Conflict(f"The Qdrant server has a collection {collection} already.", hint="Restore to an empty server, or remove it.")
        with snapshot.open("rb") as file:
            await self._call(
                "POST",
                f"/collections/{_in_url(collection)}/snapshots/upload",
                params={"wait": "true", "priority": "snapshot"},
                files={"snapshot": (f"{collection}.snapshot", file)},
            )

    async def drop(self, collection: str) -> None:
        """Remove a collection; one that is not there is no error."""
        if collection in await self.collections():
            await self._call("DELETE", f"/collections/{_in_url(collection)}")

    async def keep_only(self, collection: str, version_ids: Collection[str]) -> tuple[Mapping[str, int], int]:
        """Delete the points of all other versions; return the number of points of each version that is left, and how many went."""
        answer = await self._call(
            "POST", f"/collections/{_in_url(collection)}/facet", json={"key": VERSION, "limit": _MOST_VERSIONS, "exact": True}
        )
        found = {str(hit["value"]): int(hit["count"]) for hit in answer["hits"]}
        unknown = sorted(found.keys() - set(version_ids))
        for start in range(0, len(unknown), VERSIONS_PER_CALL):
            condition = {"must": [{"key": VERSION, "match": {"any": unknown[start : start + VERSIONS_PER_CALL]}}]}
            await self._call(
                "POST", f"/collections/{_in_url(collection)}/points/delete", params={"wait": "true"}, json={"filter": condition}
            )
        kept = {version: n for version, n in found.items() if version not in unknown}
        return kept, sum(found.values()) - sum(kept.values())

    async def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        async with _translated():
            response = await self._http.request(method, path, **request)
            _require_success(response)
            return response.json()["result"]


@asynccontextmanager
async def qdrant_snapshots(settings: IndexSettings) -> AsyncGenerator[QdrantSnapshots]:
    """Open a connection to the server that the settings name.

    Raises:
        InvalidSettings: they name none.
    """
    if not settings.url:
        raise InvalidSettings("index.kind is `qdrant`, which needs index.url.", param="index.url")
    headers = {"api-key": settings.api_key.get_secret_value()} if settings.api_key else {}
    timeout = httpx.Timeout(SNAPSHOT_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    async with httpx.AsyncClient(base_url=settings.url, headers=headers, timeout=timeout, trust_env=False) as http:
        yield QdrantSnapshots(http)


def _in_url(name: str) -> str:
    return quote(name, safe="")


def _require_success(response: httpx.Response) -> None:
    if not response.is_success:
        raise IndexUnavailable(
            f"The Qdrant server answered {response.request.method} {response.request.url.path} with status {response.status_code}.",
            hint="Check index.url and index.api_key, and look at the server's log.",
        )


@asynccontextmanager
async def _translated() -> AsyncGenerator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise IndexUnavailable(
            f"The Qdrant server does not answer ({type(error).__name__}).", hint="Check index.url and that the server runs."
        ) from error
