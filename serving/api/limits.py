"""How large a request may be, checked while it comes in."""

import re
from collections.abc import Sequence
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from footnote.core.errors import InvalidInput
from serving.api.errors import RequestTooLarge, error_response
from serving.uploads import MAX_PART_BYTES

MAX_JSON_BYTES = 8 * 1024 * 1024
FORM_OVERHEAD_BYTES = 64 * 1024
UPLOAD_PATH = "/v1/files"
PART_PATH = re.compile(r"/v1/uploads/[^/]+/parts/?")


class _BodyTooLarge(Exception):
    """Leaves the application through whatever reads the body."""


class BodyLimitMiddleware:
    """Answers 413 to a body over the limit: at once where its length is announced, else as soon as it gets there.

    An upload may be as long as ``max_upload_bytes`` with the form around it, a part of one as ``MAX_PART_BYTES``, everything else as long
    as ``MAX_JSON_BYTES``.
    """

    def __init__(self, app: ASGIApp, *, max_upload_bytes: int) -> None:
        self._app = app
        self._max_upload_bytes = max_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = body_limit(scope["path"], max_upload_bytes=self._max_upload_bytes)
        if _announced_bytes(scope) > limit:
            await error_response(_too_large(limit))(scope, receive, send)
            return
        await self._pass_on(scope, receive, send, limit)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        n_bytes, exceeded, has_started = 0, False, False

        async def receive_counted() -> Message:
            nonlocal n_bytes, exceeded
            message = await receive()
            n_bytes += len(message.get("body", b""))
            if n_bytes > limit:
                exceeded = True
                raise _BodyTooLarge
            return message

        async def send_unless_exceeded(message: Message) -> None:
            nonlocal has_started
            # The application says that it could not read the body; this middleware knows better why.
            if not exceeded or has_started:
                has_started = True
                await send(message)

        with suppress(_BodyTooLarge):
            await self._app(scope, receive_counted, send_unless_exceeded)
        if exceeded and not has_started:
            await error_response(_too_large(limit))(scope, receive, send)


def body_limit(path: str, *, max_upload_bytes: int) -> int:
    """Return how many bytes the body of a request to ``path`` may have."""
    if path.rstrip("/") == UPLOAD_PATH:
        return max_upload_bytes + FORM_OVERHEAD_BYTES
    if PART_PATH.fullmatch(path):
        return min(max_upload_bytes, MAX_PART_BYTES) + FORM_OVERHEAD_BYTES
    return MAX_JSON_BYTES


def require_short(texts: Sequence[str], *, max_chars: int, param: str) -> None:
    """Refuse texts that are too long to be questions.

    Raises:
        InvalidInput: one of them has more than ``max_chars`` code points.
    """
    longest = max((len(text) for text in texts), default=0)
    if longest > max_chars:
        raise InvalidInput(
            f"A message of {longest:,} characters is too long; at most {max_chars:,} are accepted.",
            hint="Shorten it, or upload the long text as a file and ask about it.",
            param=param,
        )


def _announced_bytes(scope: Scope) -> int:
    announced = Headers(scope=scope).get("content-length", "0")
    return int(announced) if announced.isdecimal() else 0


def _too_large(limit: int) -> RequestTooLarge:
    return RequestTooLarge(f"The request is larger than {limit:,} bytes, the most that is accepted here.")
