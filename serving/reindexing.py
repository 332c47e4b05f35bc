"""Re-indexing a collection: with which embedder, and whether what was built is whole before it is shown."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.reindexes import Flipped, ReindexRecord
from footnote.core.errors import AccessDenied, Conflict
from footnote.core.settings import EmbedderSettings, Settings
from footnote.core.types import Caller, ChunkingRecipe
from retrieval.spaces import Spaces


@dataclass(frozen=True, slots=True)
class WantedEmbedder:
    """Another model than the settings', run as they say; its prefixes and window are its own, not those of the settings' model."""

    model: str
    query_prefix: str = ""
    document_prefix: str = ""
    max_tokens: int | None = None


class Reindexing:
    """Begins re-indexings and flips them.

    Args:
        catalog: where they are recorded; their jobs run like all others.
        spaces: where their vectors lie.
        settings: the embedder, and how long what was shown is kept.
        wake: tells the queue that jobs wait.
    """

    def __init__(self, *, catalog: Catalog, spaces: Spaces, settings: Settings, wake: Callable[[], None]) -> None:
        self._catalog = catalog
        self._spaces = spaces
        self._settings = settings
        self._wake = wake

    async def start(
        self, collection_id: str, *, caller: Caller, embedder: WantedEmbedder | None, chunking: ChunkingRecipe | None
    ) -> ReindexRecord:
        """Begin to build a new edition, or go on with it. The model is opened before anything is written.

        Args:
            collection_id: the collection.
            caller: its owner.
            embedder: None takes the settings'.
            chunking: None keeps each attachment's.

        Raises:
            NotFound, AccessDenied, Conflict: as in ``Reindexes.start``; also where the model is not among those that may be named.
            ModelUnavailable, InvalidSettings: the model cannot be opened.
        """
        await self._catalog.collections.owned(collection_id, caller=caller)
        recipe = await self._spaces.recipe_of(self._embedder_settings(embedder))
        record = await self._catalog.reindexes.start(collection_id, caller=caller, recipe=recipe, chunking=chunking)
        self._wake()
        return record

    async def flip(self, collection_id: str, *, caller: Caller, accept_missing: bool) -> Flipped:
        """Show the new edition, once its points are all in the index.

        Raises:
            NotFound, AccessDenied, Conflict: as in ``Reindexes.flip``; points that were lost are built again first.
            IndexUnavailable: the index cannot be asked.
        """
        await self._catalog.collections.owned(collection_id, caller=caller)
        record = await self._catalog.reindexes.get(collection_id, caller=caller)
        await self._require_points(record)
        keep_for = timedelta(days=self._settings.ingestion.keep_reindexed_days)
        flipped = await self._catalog.reindexes.flip(
            collection_id, caller=caller, keep_for=keep_for, accept_missing=accept_missing, reindex_id=record.id
        )
        self._wake()
        return flipped

    async def flip_back(self, collection_id: str, *, caller: Caller) -> Flipped:
        """Show the old edition again.

        Raises:
            NotFound, AccessDenied, Conflict: as in ``Reindexes.flip_back``.
        """
        flipped = await self._catalog.reindexes.flip_back(collection_id, caller=caller)
        self._wake()
        return flipped

    async def _require_points(self, record: ReindexRecord) -> None:
        expected = await self._catalog.reindexes.built_points(record.id)
        async with self._spaces.using_index(record.recipe.space) as index:
            if await index.count() == sum((await self._catalog.versions.whole_points(space=record.recipe.space)).values()):
                return
            lost = [version for version, n_points in expected.items() if await index.count(version_id=version) != n_points]
        if lost:
            await self._catalog.reindexes.build_again(record.id, lost)
            self._wake()
            raise Conflict(f"The index has lost points of {len(lost)} documents: they are built again.", hint="Flip when they are.")

    def _embedder_settings(self, wanted: WantedEmbedder | None) -> EmbedderSettings:
        settings = self._settings.embedder
        if wanted is None:
            return settings
        if self._settings.server.keys and wanted.model != settings.model and wanted.model not in settings.reindex_models:
            raise AccessDenied(
                f"The model {wanted.model} may not be named here.", hint="The operator allows models in embedder.reindex_models."
            )
        return settings.model_copy(
            update={
                "model": wanted.model,
                "query_prefix": wanted.query_prefix,
                "document_prefix": wanted.document_prefix,
                "max_tokens": wanted.max_tokens,
                "tokenizer": None if wanted.model != settings.model else settings.tokenizer,
            }
        )
