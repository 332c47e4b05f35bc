"""From settings to an index. Nothing is opened here: ``await index.open()`` does that."""

import math
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from footnote.core.errors import InvalidSettings
from footnote.core.settings import IndexSettings
from footnote.core.types import EmbeddingRecipe
from retrieval.index.edge_layout import FOLDER, move_single_index, space_folder
from retrieval.index.port import Index

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

__all__ = ["FOLDER", "create_index", "create_qdrant_client"]


def create_index(settings: IndexSettings, *, data_dir: Path, recipe: EmbeddingRecipe) -> Index:
    """Return the index that the settings name.

    Args:
        settings: the section ``index``.
        data_dir: the data directory; Edge keeps its shard in ``index/<space>`` under it.
        recipe: the embedder whose vectors it holds.

    Raises:
        IndexSchemaMismatch, StorageUnavailable, IndexUnavailable: an index of an earlier footnote cannot be moved to its own folder.
    """
    if settings.kind == "edge":
        from retrieval.index.edge import EdgeIndex  # noqa: PLC0415  # the engine that is not used is not loaded

        move_single_index(data_dir)
        folder = space_folder(data_dir, recipe)
        return EdgeIndex(folder, recipe=recipe, hnsw_ef=settings.hnsw_ef, optimize_after_points=settings.optimize_after_points)
    from retrieval.index.server import QdrantIndex  # noqa: PLC0415  # the engine that is not used is not loaded
    from retrieval.index.server_layout import ServerLayout  # noqa: PLC0415  # as above

    return QdrantIndex(create_qdrant_client(settings), recipe=recipe, hnsw_ef=settings.hnsw_ef, layout=ServerLayout.of(settings))


def create_qdrant_client(settings: IndexSettings) -> "AsyncQdrantClient":
    """Return a client of the server that the settings name; it connects with its first call.

    Raises:
        InvalidSettings: they name none, or certificates that cannot be read.
    """
    from qdrant_client import AsyncQdrantClient  # noqa: PLC0415  # takes a second to import

    if not settings.url:
        raise InvalidSettings("index.kind is `qdrant`, which needs index.url.", param="index.url")
    return AsyncQdrantClient(
        url=settings.url,
        grpc_port=settings.grpc_port,
        prefer_grpc=settings.grpc,
        api_key=settings.api_key.get_secret_value() if settings.api_key else None,
        timeout=math.ceil(settings.timeout_s),
        check_compatibility=False,  # it would ask the server while the client is constructed, and block
        **_checking_certificates(settings),
    )


def _checking_certificates(settings: IndexSettings) -> dict[str, Any]:
    """Return what makes the client check the server's certificate by those of the settings, over HTTP and over gRPC."""
    if settings.tls_ca_file is None:
        return {}
    try:
        certificates = settings.tls_ca_file.read_bytes()
        context = ssl.create_default_context(cadata=certificates.decode("ascii"))
    except (OSError, UnicodeDecodeError) as error:  # an SSL error is an OSError
        raise InvalidSettings(f"{settings.tls_ca_file} cannot be read as certificates: {error}.", param="index.tls_ca_file") from error
    return {"verify": context, "grpc_options": {"root_certificates": certificates}}
