"""A multipart form, read as it comes in: its bytes pass through, fields that mean something are kept, and nothing is held whole."""

from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect

from footnote.core.errors import InvalidInput
from footnote.core.filenames import sanitised_filename
from serving.api.schemas.files import PURPOSES
from serving.files import UploadRecord

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks  # a type that the library defines for checkers alone

FILE_FIELD = "file"
FIELDS = ("purpose", "expires_after[anchor]", "expires_after[seconds]")
MAX_FIELD_BYTES = 1024
MAX_HEADER_BYTES = 8 * 1024
MIN_EXPIRY_S = 3_600
MAX_EXPIRY_S = 2_592_000


class UploadForm:
    """A form that is on its way.

    Args:
        content_type: the request's header.
        stream: the request's body.
        field: the name of the field whose bytes pass through.

    Raises:
        InvalidInput: this is no multipart form.
    """

    def __init__(self, *, content_type: str, stream: AsyncIterator[bytes], field: str = FILE_FIELD) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            fields = "the fields `file` and `purpose`" if field == FILE_FIELD else f"the field `{field}`"
            raise InvalidInput(f"Bytes are sent as multipart/form-data, with {fields}.", param=field)
        self._stream = stream
        self._field = field
        self._parts = _Parts(field)
        try:
            self._parser = MultipartParser(boundary, self._parts.callbacks())
        except FormParserError as error:
            raise _broken(error, self._field) from error

    async def file_bytes(self) -> AsyncGenerator[bytes]:
        """Yield the bytes; the whole form has been read and found good when this ends.

        Raises:
            InvalidInput: the form is broken or incomplete, the bytes are missing or none, a field is wrong, or the client has gone.
        """
        n_bytes = 0
        try:
            async for data in self._stream:
                self._feed(data)
                for piece in self._parts.take():
                    n_bytes += len(piece)
                    yield piece
        except ClientDisconnect as error:
            raise self._cut_off() from error
        self._require_whole(n_bytes)
        if self._field == FILE_FIELD:
            self.record()

    def record(self) -> UploadRecord:
        """Return what the form says about the file, once it has been read.

        Raises:
            InvalidInput: `purpose` or `expires_after` is wrong.
        """
        fields = self._parts.fields
        return UploadRecord(
            filename=sanitised_filename(self._parts.filename or ""),
            purpose=_purpose(fields.get("purpose")),
            expires_at=_expiry(fields.get("expires_after[anchor]"), fields.get("expires_after[seconds]")),
        )

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _broken(error, self._field) from error

    def _require_whole(self, n_bytes: int) -> None:
        if not self._parts.is_complete:
            raise self._cut_off()
        if self._parts.filename is None:
            raise InvalidInput(f"The form has no file in its field `{self._field}`.", param=self._field)
        if n_bytes == 0:
            raise InvalidInput("The file is empty.", hint="Send it again; it may have been cut off before.", param=self._field)

    def _cut_off(self) -> InvalidInput:
        return InvalidInput("The form ends in the middle: the upload was cut off.", hint="Send it again.", param=self._field)


class _Parts:
    """Collects what the parser finds; the values of fields that mean nothing are let go as they come."""

    def __init__(self, file_field: str) -> None:
        self._file_field = file_field
        self.fields: dict[str, str] = {}
        self.filename: str | None = None
        self.is_complete = False
        self._pieces: list[bytes] = []
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._disposition = b""
        self._field_name = ""
        self._value = bytearray()
        self._is_file = False

    def callbacks(self) -> "MultipartCallbacks":
        """Return what the parser calls, by its own names."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._on_header_name,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers,
            "on_part_data": self._on_data,
            "on_part_end": self._on_end,
            "on_end": self._on_last,
        }

    def take(self) -> list[bytes]:
        """Return the file's bytes that have come since the last call."""
        pieces, self._pieces = self._pieces, []
        return pieces

    def _begin(self) -> None:
        self._disposition, self._field_name, self._is_file = b"", "", False
        self._value.clear()

    def _on_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]
        self._require_short_header()

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]
        self._require_short_header()

    def _on_header_end(self) -> None:
        if bytes(self._header_name).lower() == b"content-disposition":
            self._disposition = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _require_short_header(self) -> None:
        if len(self._header_name) + len(self._header_value) > MAX_HEADER_BYTES:
            raise InvalidInput(f"A header of the form is longer than {MAX_HEADER_BYTES:,} bytes.", param=self._file_field)

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._field_name = options.get(b"name", b"").decode(errors="replace")
        filename = options.get(b"filename")
        self._is_file = self._field_name == self._file_field and filename is not None
        if self._is_file:
            if self.filename is not None:
                raise InvalidInput("The form has more than one file; send them one by one.", param=self._file_field)
            self.filename = (filename or b"").decode(errors="replace")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._pieces.append(data[start:end])
            return
        if self._field_name not in FIELDS:
            return
        self._value += data[start:end]
        if len(self._value) > MAX_FIELD_BYTES:
            raise InvalidInput(f"A field of the form is longer than {MAX_FIELD_BYTES:,} bytes.", param=self._field_name[:64] or None)

    def _on_end(self) -> None:
        if not self._is_file and self._field_name in FIELDS:
            self.fields[self._field_name] = self._value.decode(errors="replace")

    def _on_last(self) -> None:
        self.is_complete = True


def _purpose(purpose: str | None) -> str:
    if purpose is None:
        raise InvalidInput("`purpose` is missing; for documents it is `assistants`.", param="purpose")
    if purpose not in PURPOSES:
        raise InvalidInput(f"`purpose` has to be one of {', '.join(PURPOSES)}.", param="purpose")
    return purpose


def _expiry(anchor: str | None, seconds: str | None) -> datetime | None:
    if anchor is None and seconds is None:
        return None
    if anchor != "created_at":
        raise InvalidInput("`expires_after[anchor]` has to be `created_at`.", param="expires_after[anchor]")
    if seconds is None or not (seconds.isascii() and seconds.isdecimal()) or not MIN_EXPIRY_S <= int(seconds) <= MAX_EXPIRY_S:
        raise InvalidInput(
            f"`expires_after[seconds]` has to be a number from {MIN_EXPIRY_S:,} to {MAX_EXPIRY_S:,}.", param="expires_after[seconds]"
        )
    return datetime.now(UTC) + timedelta(seconds=int(seconds))


def _broken(error: Exception, field: str) -> InvalidInput:
    return InvalidInput(f"The multipart form is broken: {error}.", param=field)
