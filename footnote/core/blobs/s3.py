"""Blobs in S3-compatible storage, through fsspec's S3 file system.

The vendor's asynchronous methods begin with an underscore (https://filesystem-spec.readthedocs.io/en/latest/async.html).
"""
# ruff: noqa: SLF001
# pyright: reportMissingTypeStubs=false, reportPrivateUsage=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import asyncio
import errno
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import aiohttp
from botocore.exceptions import BotoCoreError, NoCredentialsError
from s3fs import S3FileSystem

from footnote.core.blobs.port import INCOMING_FOLDER, MARK, PIECE_BYTES, StoredBlob
from footnote.core.blobs.receiving import ReceivingBlobStore
from footnote.core.blobs.scratch import ScratchFile, open_folder
from footnote.core.errors import FootnoteError, InvalidSettings, NotFound, StorageUnavailable
from footnote.core.offload import offload
from footnote.core.settings import BlobSettings

READ_BYTES = 8 * PIECE_BYTES
"""What one request reads, and what one part of a larger upload has: held in memory."""

PARTS_AT_ONCE = 4
N_TRIES = 5
HASH_DIGITS = 64

PROMPT_S = 5.0
"""Whether a blob is there, and that it goes, is asked within writes of the catalog, which keep everybody else's waiting: not for longer."""


class S3BlobStore(ReceivingBlobStore):
    """Blobs as objects: ``abcdef…`` is the key ``prefix/ab/cdef…``. Bound to the event loop on which it was opened.

    Streams are received on this machine's disk first, since their address is known only at their end; an object is then written by one
    request, or by a multipart upload that becomes visible when it is completed: whole or not there, whoever dies.
    """

    def __init__(self, settings: BlobSettings, *, scratch: Path) -> None:
        super().__init__(scratch / INCOMING_FOLDER)
        self._settings = settings
        self._bucket, self._prefix = _bucket_and_prefix(settings)
        self._files: S3FileSystem | None = None
        self._session: Any = None

    async def open(self) -> None:
        await self.close()
        await offload(open_folder, self._scratch)
        self._files = _file_system(self._settings)
        try:
            with self._errors():
                self._session = await self._files.set_session()
                await self._files._call_s3("list_objects_v2", Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)
        except NotFound:
            raise InvalidSettings(
                f"There is no bucket {self._bucket} at {self._place}.", hint="Create it, or name another in blobs.url.", param="blobs.url"
            ) from None

    async def close(self) -> None:
        session, self._session, self._files = self._session, None, None
        if session is not None:
            await session.close()

    async def store(self, file: Path, blob: StoredBlob) -> None:
        with self._errors():
            await self._opened._put_file(str(file), self._key(blob.sha256), chunksize=READ_BYTES, max_concurrency=PARTS_AT_ONCE)

    async def read(self, sha256: str) -> AsyncIterator[bytes]:
        size_bytes = await self._size_bytes(sha256)
        for start in range(0, size_bytes, READ_BYTES):
            with self._errors():
                data = cast("bytes", await self._opened._cat_file(self._key(sha256), start=start, end=min(start + READ_BYTES, size_bytes)))
            for first in range(0, len(data), PIECE_BYTES):
                yield data[first : first + PIECE_BYTES]

    @asynccontextmanager
    async def local(self, sha256: str) -> AsyncGenerator[Path]:
        copy = await offload(ScratchFile, self._scratch)
        try:
            async for piece in self.read(sha256):
                await offload(copy.write, piece)
            if (await offload(copy.finish)).sha256 != sha256:
                raise StorageUnavailable(f"The store gave other bytes than {sha256[:12]}…", hint="Restore the object from a backup.")
            yield copy.path
        finally:
            await offload(copy.discard)

    async def exists(self, sha256: str) -> bool:
        try:
            async with self._promptly():
                await self._size_bytes(sha256)
        except NotFound:
            return False
        return True

    async def delete(self, sha256: str) -> None:
        async with self._promptly():
            await self._opened._rm_file(self._key(sha256))

    async def installation(self) -> str | None:
        try:
            with self._errors():
                return cast("bytes", await self._opened._cat_file(f"{self._bucket}/{self._prefix}{MARK}")).decode() or None
        except NotFound:
            return None

    async def mark(self, installation: str) -> None:
        with self._errors():
            await self._opened._pipe_file(f"{self._bucket}/{self._prefix}{MARK}", installation.encode())

    async def iterate(self, *, older_than_s: float = 0.0) -> AsyncIterator[str]:
        before = datetime.now(UTC) - timedelta(seconds=older_than_s) if older_than_s else None
        with self._errors():
            # A page at a time: the vendor asks for the next one when the last is used up.
            async for entry in self._opened._iterdir(self._bucket, delimiter="", prefix=self._prefix):
                sha256 = cast("str", entry["name"]).removeprefix(f"{self._bucket}/{self._prefix}").replace("/", "")
                if len(sha256) == HASH_DIGITS and (before is None or cast("datetime", entry["LastModified"]) <= before):
                    yield sha256

    @property
    def _opened(self) -> S3FileSystem:
        assert self._files is not None, "the store is open"
        return self._files

    @property
    def _place(self) -> str:
        return self._settings.endpoint or "AWS"

    def _key(self, sha256: str) -> str:
        return f"{self._bucket}/{self._prefix}{sha256[:2]}/{sha256[2:]}"

    async def _size_bytes(self, sha256: str) -> int:
        try:
            with self._errors():
                return int((await self._opened._info(self._key(sha256), refresh=True))["size"])
        except NotFound:
            raise NotFound(f"The bytes {sha256[:12]}… are not stored.") from None

    @asynccontextmanager
    async def _promptly(self) -> AsyncGenerator[None]:
        """Give up after ``PROMPT_S``, however many tries are left."""
        with self._errors():
            try:
                async with asyncio.timeout(PROMPT_S):
                    yield
            except TimeoutError as error:
                raise StorageUnavailable(
                    f"{self._place} does not answer for the bucket {self._bucket}.", hint=_advice(error), param="blobs.endpoint"
                ) from error

    @contextmanager
    def _errors(self) -> Generator[None]:
        """Turn the vendor's errors into ours: it raises those of files, of its client, and of the connections below."""
        try:
            yield
        except FootnoteError:
            raise
        except FileNotFoundError as error:
            raise NotFound(f"There is no such object in {self._bucket}.") from error
        except (PermissionError, NoCredentialsError) as error:
            raise StorageUnavailable(
                f"{self._place} refuses the bucket {self._bucket}: {_reason(error)}.",
                hint="Check blobs.key and blobs.secret, and that they may list, read, write and delete.",
                param="blobs.key",
            ) from error
        except (BotoCoreError, aiohttp.ClientError, OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise StorageUnavailable(
                f"{self._place} does not do its part for the bucket {self._bucket}: {_reason(error)}.",
                hint=_advice(error),
                param="blobs.endpoint",
            ) from error


def _bucket_and_prefix(settings: BlobSettings) -> tuple[str, str]:
    assert settings.url is not None, "without an address blobs are kept in a folder"
    bucket, _, prefix = settings.url.removeprefix("s3://").partition("/")
    prefix = prefix.strip("/")
    return bucket, f"{prefix}/" if prefix else ""


def _file_system(settings: BlobSettings) -> S3FileSystem:
    """Return the vendor's file system for this event loop alone, without its caches: what other processes do is to be seen."""
    files = S3FileSystem(
        asynchronous=True,
        loop=asyncio.get_running_loop(),
        skip_instance_cache=True,
        use_listings_cache=False,
        key=settings.key,
        secret=None if settings.secret is None else settings.secret.get_secret_value(),
        endpoint_url=settings.endpoint,
        client_kwargs={} if settings.region is None else {"region_name": settings.region},
        config_kwargs={"connect_timeout": settings.timeout_s, "read_timeout": settings.timeout_s, "max_pool_connections": 32},
    )
    files.retries = N_TRIES
    return files


def _reason(error: BaseException) -> str:
    return (str(error) or type(error).__name__).rstrip(".")


def _advice(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno == errno.EINVAL:
        return "Check blobs.url, blobs.endpoint and blobs.region."
    return "Check that it runs and that blobs.endpoint is its address."
