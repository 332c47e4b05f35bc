"""Spaces: an embedder and an index for each embedding recipe, open side by side. Vectors of two spaces never meet.

A collection stays in the space that its first version was made in, whatever the settings say later, until it is re-indexed. So one space
is the settings' own and always open; the others are opened when a collection that lies there is searched or added to, and closed when
nobody has used them for a while: an embedder takes hundreds of megabytes.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog
from pydantic import ValidationError

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.spaces import SpaceRecord
from footnote.core.errors import FootnoteError, IndexUnavailable, ModelUnavailable, NotFound
from footnote.core.settings import EmbedderSettings
from footnote.core.types import Access, Attributes, EmbeddingRecipe, PartHealth
from retrieval.embedder.factory import create_embedder
from retrieval.embedder.port import Embedder
from retrieval.index.port import Index

IDLE_S = 600.0
"""A space that is not the settings' own is closed when it was not used for so long; opening it again takes seconds."""

VERSIONS_PER_CALL = 500
_BUNDLED = "all-MiniLM-L6-v2"
_RECORDED = ("kind", "model", "max_tokens", "query_prefix", "document_prefix", "base_url", "tokenizer")

OpenIndex = Callable[[EmbeddingRecipe], Index]
OpenEmbedder = Callable[[EmbedderSettings], Awaitable[Embedder]]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Space:
    """An embedder, and the index of the vectors that it makes."""

    embedder: Embedder
    index: Index

    @property
    def name(self) -> str:
        return self.embedder.recipe.space


@dataclass(slots=True)
class _Further:
    """A space beside the settings' own, as far as it is open."""

    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    index: Index | None = None
    embedder: Embedder | None = None
    n_users: int = 0
    closing: asyncio.TimerHandle | None = None
    trouble: str | None = None


class Spaces:
    """The settings' space, and those that the catalog knows beside it.

    What is done to all spaces (deleting, changing payloads, counting) has the names of the index's own methods.

    Args:
        catalog: says which spaces there are, and what lies in them.
        default: the settings' own space, opened by the caller.
        settings: the section ``embedder``: where and how further models run.
        create_index: makes the index of another recipe; without it there is the default space alone.
        open_embedder: opens another embedder.
        idle_s: how long a further space stays open without being used.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        default: Space,
        settings: EmbedderSettings | None = None,
        create_index: OpenIndex | None = None,
        open_embedder: OpenEmbedder = create_embedder,
        idle_s: float = IDLE_S,
    ) -> None:
        self.default = default
        self._catalog = catalog
        self._settings = settings or EmbedderSettings()
        self._create_index = create_index
        self._open_embedder = open_embedder
        self._idle_s = idle_s
        self._further: dict[str, _Further] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def open(self) -> None:
        """Note the settings' space in the catalog, so that it can be opened again when the settings have changed."""
        await self._catalog.spaces.remember(self.default.embedder.recipe, embedder=recorded(self._settings))

    # ------------------------------------------------------------------------------------------------------------------ one space

    @asynccontextmanager
    async def using(self, name: str | None) -> AsyncGenerator[Space]:
        """Keep a space open; None is the settings' own.

        Raises:
            ModelUnavailable: its embedder cannot be opened; the message names the model and what to do.
            IndexUnavailable: its index cannot be opened.
        """
        if name is None or name == self.default.name:
            yield self.default
            return
        async with self._held(name) as further:
            index = await self._index_of(name, further)
            yield Space(embedder=await self._embedder_of(name, further), index=index)

    @asynccontextmanager
    async def using_index(self, name: str | None) -> AsyncGenerator[Index]:
        """Keep a space's index open; its embedder may be missing.

        Raises:
            IndexUnavailable: it cannot be opened.
        """
        if name is None or name == self.default.name:
            yield self.default.index
            return
        async with self._held(name) as further:
            yield await self._index_of(name, further)

    async def recipe_of(self, settings: EmbedderSettings) -> EmbeddingRecipe:
        """Return the recipe of the embedder that these settings describe, which is opened for it, and note its space.

        Raises:
            ModelUnavailable: it cannot be opened.
            InvalidSettings: the settings contradict the model.
        """
        if recorded(settings) == recorded(self._settings):
            return self.default.embedder.recipe
        embedder = await self._open_embedder(settings)
        recipe = embedder.recipe
        await self._catalog.spaces.remember(recipe, embedder=recorded(settings))
        if recipe.space == self.default.name:
            await embedder.close()
            return recipe
        async with self._held(recipe.space) as further, further.opening:
            if further.embedder is None:
                further.embedder, embedder = embedder, None
        if embedder is not None:
            await embedder.close()
        return recipe

    # ----------------------------------------------------------------------------------------------------------------- all spaces

    async def delete_versions(self, version_ids: Sequence[str]) -> None:
        """Delete all points of these versions, wherever they lie."""
        if not version_ids:
            return
        names = await self._catalog.versions.spaces_of(version_ids)
        for index in await self._each_index(names | self._open_names()):
            async with index as opened:
                for first in range(0, len(version_ids), VERSIONS_PER_CALL):
                    await opened.delete_versions(version_ids[first : first + VERSIONS_PER_CALL])

    async def delete_collection(self, collection_id: str) -> None:
        """Delete all points of a collection."""
        for index in await self._each_index():
            async with index as opened:
                await opened.delete_collection(collection_id)

    async def update_payload(self, attachment_id: str, *, principals: frozenset[str], attributes: Attributes) -> None:
        """Set principals and attributes of an attachment's points, also of those that are built or kept."""
        names = await self._catalog.versions.spaces_of_attachment(attachment_id)
        for index in await self._each_index(names | self._open_names()):
            async with index as opened:
                await opened.update_payload(attachment_id, principals=principals, attributes=attributes)

    async def count(self, access: Access | None = None, *, version_id: str | None = None) -> int:
        """Count points exactly; without ``access`` all of them (for operators, never for callers).

        With ``version_id``, in the spaces that the version's points may lie in: another one that cannot be opened is no hindrance.
        """
        names = None
        if version_id is not None:
            names = await self._catalog.versions.spaces_of([version_id]) | self._open_names()
        n_points = 0
        for index in await self._each_index(names):
            async with index as opened:
                n_points += await opened.count(access, version_id=version_id)
        return n_points

    async def optimize(self) -> None:
        """Let the engines build their graphs and drop deleted points."""
        for index in await self._each_index():
            async with index as opened:
                await opened.optimize()

    async def purge(self, *, needed: Collection[str] | None = None) -> bool:
        """Rewrite what holds deleted points; return whether it is certain that nothing of them is left in any engine's files.

        Args:
            needed: the spaces, beside the settings' own, that have to be rewritten. Another one that cannot be keeps nobody waiting, and
                nothing is certain then. None: all.
        """
        certain = await self.default.index.purge()
        for name in sorted((await self._catalog.spaces.in_use() | self._open_names()) - {self.default.name}):
            try:
                async with self.using_index(name) as index:
                    certain = await index.purge() and certain
            except FootnoteError as error:
                if needed is None or name in needed:
                    raise
                log.warning("a space could not be rewritten", space=name, error=str(error))
                certain = False
        return certain

    async def lost(self) -> tuple[str, ...]:
        """Return the live versions that lack points: an index's folder was removed, or a version lies where its collection does not."""
        lost = set(await self._catalog.versions.astray())
        for name in sorted(await self._catalog.spaces.in_use() | {self.default.name}):
            try:
                lost.update(await self._lost_in(name))
            except FootnoteError as error:
                log.warning("a space could not be compared with the catalog", space=name, error=str(error))
        return tuple(sorted(lost))

    def open_indexes(self) -> tuple[Index, ...]:
        """Return the indexes that are open now."""
        return (self.default.index, *(further.index for further in self._further.values() if further.index is not None))

    @asynccontextmanager
    async def all_indexes(self) -> AsyncGenerator[tuple[Index, ...]]:
        """Keep the indexes of all spaces open that anything lies in.

        Raises:
            IndexUnavailable: one cannot be opened.
        """
        async with AsyncExitStack() as stack:
            yield tuple([await stack.enter_async_context(index) for index in await self._each_index()])

    async def tidy(self) -> None:
        """Forget the spaces that nothing lies in any longer. Their indexes stay, empty."""
        in_use = await self._catalog.spaces.in_use() | {self.default.name}
        for record in await self._catalog.spaces.all():
            further = self._further.get(record.name)
            if record.name not in in_use and (further is None or not further.n_users):
                await self._close(record.name)
                await self._catalog.spaces.forget(record.name)

    async def health(self) -> PartHealth:
        """Say whether collections lie in other spaces than the settings', and which of those could not be opened. No names of theirs."""
        try:
            elsewhere = await self._catalog.spaces.elsewhere(self.default.name)
        except FootnoteError as error:
            return PartHealth(name="spaces", ready=False, detail=str(error))
        models = sorted({collection.model for collection in elsewhere})
        troubles = [further.trouble for _, further in sorted(self._further.items()) if further.trouble is not None]
        detail = "All collections lie in the settings' space."
        if elsewhere:
            detail = (
                f"{len(elsewhere)} collection{'s' * (len(elsewhere) > 1)} embedded with {', '.join(models)}, not with the settings' "
                f"{self.default.embedder.recipe.model}: `footnote reindex` brings them over."
            )
        return PartHealth(
            name="spaces",
            ready=True,
            detail=" ".join([detail, *troubles]),
            facts={"space": self.default.name, "collections_elsewhere": len(elsewhere), "open": 1 + len(self._open_names())},
        )

    async def close(self) -> None:
        """Close the spaces that were opened here; the default one is its opener's."""
        self._closed = True
        for name in list(self._further):
            await self._close(name)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ------------------------------------------------------------------------------------------------------------ opening, closing

    def _open_names(self) -> frozenset[str]:
        return frozenset(name for name, further in self._further.items() if further.index is not None)

    async def _each_index(self, names: frozenset[str] | None = None) -> list[AbstractAsyncContextManager[Index]]:
        """Return the indexes of these spaces to be kept open one after the other, the default one first; of all where none is named."""
        wanted = await self._catalog.spaces.in_use() | self._open_names() if names is None else names
        return [self.using_index(None), *(self.using_index(name) for name in sorted(wanted - {self.default.name}))]

    async def _lost_in(self, name: str) -> list[str]:
        expected = await self._catalog.versions.whole_points(space=name)
        async with self.using_index(name) as index:
            if await index.count() == sum(expected.values()):
                return []
            live = await self._catalog.versions.live_points(space=name)
            return [version for version, n_points in live.items() if await index.count(version_id=version) < n_points]

    @asynccontextmanager
    async def _held(self, name: str) -> AsyncGenerator[_Further]:
        further = self._further.setdefault(name, _Further())
        further.n_users += 1
        if further.closing is not None:
            further.closing.cancel()
            further.closing = None
        try:
            yield further
        finally:
            further.n_users -= 1
            if not further.n_users and not self._closed:
                further.closing = asyncio.get_running_loop().call_later(self._idle_s, self._close_soon, name)

    def _close_soon(self, name: str) -> None:
        task = asyncio.create_task(self._close(name), name=f"close the space {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _close(self, name: str) -> None:
        """Close a space, unless somebody has come to use it; whoever comes meanwhile waits, and opens it again."""
        further = self._further.get(name)
        if further is None:
            return
        async with further.opening, AsyncExitStack() as stack:
            if further.n_users and not self._closed:
                return
            if further.closing is not None:
                further.closing.cancel()
            if further.embedder is not None:
                stack.push_async_callback(further.embedder.close)
            if further.index is not None:
                stack.push_async_callback(further.index.close)
            further.embedder = further.index = None
            await stack.aclose()
            if not further.n_users:
                self._further.pop(name, None)

    async def _index_of(self, name: str, further: _Further) -> Index:
        async with further.opening:
            if further.index is None:
                if self._create_index is None:
                    raise IndexUnavailable(f"The space {name} cannot be opened here.")
                index = self._create_index((await self._record(name)).recipe)
                try:
                    await index.open()
                except BaseException:
                    await index.close()
                    raise
                further.index = index
            return further.index

    async def _embedder_of(self, name: str, further: _Further) -> Embedder:
        async with further.opening:
            if further.embedder is None:
                record = await self._record(name)
                try:
                    further.embedder = await self._open_recorded(record)
                except FootnoteError as error:
                    further.trouble = f"The model {record.recipe.model} cannot be opened: {error.message}"
                    raise ModelUnavailable(
                        f"Documents here were embedded with {record.recipe.model}, which cannot be opened: {error.message}",
                        hint="Bring the model back, or embed them with the settings' model: `footnote reindex COLLECTION`.",
                    ) from error
                further.trouble = None
            return further.embedder

    async def _open_recorded(self, record: SpaceRecord) -> Embedder:
        """Open the embedder of a space, and see that its vectors are the same as then."""
        embedder = await self._open_embedder(settings_for(record, current=self._settings))
        if embedder.recipe != record.recipe:
            found = embedder.recipe
            await embedder.close()
            raise ModelUnavailable(
                f"What is there under this name makes other vectors: revision {found.revision or 'unknown'} with {found.dimension} "
                f"dimensions and windows of {found.max_tokens} tokens, not revision {record.recipe.revision or 'unknown'} with "
                f"{record.recipe.dimension} and {record.recipe.max_tokens}."
            )
        return embedder

    async def _record(self, name: str) -> SpaceRecord:
        try:
            return await self._catalog.spaces.get(name)
        except NotFound as error:
            raise IndexUnavailable(f"The catalog does not know the space {name}.", hint="Restore it from a backup.") from error


class _Deletes(Protocol):
    async def delete_versions(self, version_ids: Sequence[str]) -> None: ...


async def forget_versions(version_ids: Sequence[str], *, catalog: Catalog, index: _Deletes) -> None:
    """Take versions that are no longer shown out of the index, then out of the catalog; in this order none is ever lost.

    That is done space by space: one that cannot be opened keeps its own versions, and no others.

    Raises:
        FootnoteError: the first trouble that there was, when all that could be forgotten is.
    """
    trouble: FootnoteError | None = None
    for some in await catalog.versions.by_space(version_ids):
        try:
            await index.delete_versions(some)
            await catalog.versions.forget(some)
        except FootnoteError as error:
            trouble = trouble or error
    if trouble is not None:
        raise trouble


def recorded(settings: EmbedderSettings) -> dict[str, Any]:
    """Return what of an embedder's settings the catalog keeps: what determines vectors and where the model is, no key."""
    return settings.model_dump(mode="json", include=set(_RECORDED))


def settings_for(record: SpaceRecord, *, current: EmbedderSettings) -> EmbedderSettings:
    """Return the settings that open a space's embedder: as recorded, run as the current settings say (device, batches, time-outs).

    The current key goes only to the server that it is for. A space from before embedders were recorded is opened by its model's name.
    """
    recipe = record.recipe
    known = record.embedder or {
        "model": None if recipe.model == _BUNDLED else recipe.model,
        "query_prefix": recipe.query_prefix,
        "document_prefix": recipe.document_prefix,
    }
    settings = {**current.model_dump(), **known}
    if settings["base_url"] != current.base_url:
        settings["api_key"] = None
    try:
        return EmbedderSettings.model_validate(settings)
    except ValidationError as error:
        raise ModelUnavailable(f"The settings of the model {recipe.model} cannot be read.") from error
