"""What qdrant-client raises, in footnote's words."""

from collections.abc import Generator
from contextlib import contextmanager

import grpc
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from footnote.core.errors import IndexUnavailable, StorageUnavailable

_DISK_WORDS = ("no space left", "not enough space", "disk quota", "out of disk", "low disk")


@contextmanager
def server_errors(doing: str) -> Generator[None]:
    """Translate what the client raises.

    Args:
        doing: what was tried, to begin the sentence with: "Searching".

    Raises:
        StorageUnavailable: the server's disk is full.
        IndexUnavailable: the server does not answer, or says anything else.
    """
    try:
        yield
    except grpc.RpcError as error:
        raise _translated(doing, _grpc_details(error)) from error
    except UnexpectedResponse as error:
        raise _translated(doing, f"status {error.status_code}, {error.content.decode(errors='replace')}") from error
    except (ApiException, QdrantException) as error:
        raise _translated(doing, str(error)) from error


def _grpc_details(error: grpc.RpcError) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}, {error.details()}"
    return str(error)


def _translated(doing: str, details: str) -> IndexUnavailable | StorageUnavailable:
    message = f"{doing} failed: Qdrant says {details}."
    if any(words in details.lower() for words in _DISK_WORDS):
        return StorageUnavailable(message, hint="Make room on the Qdrant server's disk.")
    return IndexUnavailable(message, hint="Check index.url, index.grpc_port and index.api_key, and that the server runs.")
