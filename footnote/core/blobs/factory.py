"""The store of blobs that the settings name."""

from pathlib import Path

from footnote.core.blobs.folder import FolderBlobStore
from footnote.core.blobs.port import BlobStore
from footnote.core.errors import InvalidSettings
from footnote.core.settings import BlobSettings


def create_blob_store(settings: BlobSettings, *, folder: Path) -> BlobStore:
    """Return the store, not opened yet.

    Args:
        settings: where blobs are kept.
        folder: where they are kept on this machine, or wait on their way to another.

    Raises:
        InvalidSettings: what it needs is not installed.
    """
    if settings.url is None:
        return FolderBlobStore(folder)
    try:
        from footnote.core.blobs.s3 import S3BlobStore  # noqa: PLC0415 - an extra, and slow to import
    except ModuleNotFoundError as error:
        raise InvalidSettings(
            "blobs.url names S3-compatible storage, whose client is not installed.",
            hint="Install footnote with the extra `s3`.",
            param="blobs.url",
        ) from error
    return S3BlobStore(settings, scratch=folder)
