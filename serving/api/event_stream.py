"""A response of server-sent events: kept alive by comments, and ended when the client leaves."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from serving.api.pump import unless_left

PING = ": ping\n\n"
PING_INTERVAL_S = 15.0
DONE = "data: [DONE]\n\n"
_ESCAPED_LINE_ENDS = {ord(end): f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"}


def data_line(json_text: str) -> str:
    """Return one event, on what every client takes for one line.

    The format knows carriage return and line feed alone, which JSON escapes. Some clients (httpx's ``iter_lines`` among them) break lines
    at Unicode's further ends of lines too, and texts may have those.
    """
    return f"data: {json_text.translate(_ESCAPED_LINE_ENDS)}\n\n"


class EventStream(StreamingResponse):
    """Sends lines as they come. Whatever happens, ``close`` has run when the response ends.

    Args:
        lines: complete events.
        close: stops whatever the lines are made from.
        ping_interval_s: a comment is sent when nothing was sent for so long: proxies cut connections that are silent.
    """

    media_type = "text/event-stream"

    def __init__(
        self, lines: AsyncGenerator[str], *, close: Callable[[], Awaitable[None]], ping_interval_s: float = PING_INTERVAL_S
    ) -> None:
        super().__init__(lines, headers={"cache-control": "no-cache", "x-accel-buffering": "no"})
        self._lines = lines
        self._close = close
        self._ping_interval_s = ping_interval_s
        self._sent_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await unless_left(receive, self._send_all(send))
        finally:
            await self._close()

    async def _send_all(self, send: Send) -> None:
        one_at_a_time = asyncio.Lock()
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        pinging = asyncio.create_task(self._ping(send, one_at_a_time))
        try:
            async with aclosing(self._lines) as lines:
                async for line in lines:
                    await self._send_line(send, line, one_at_a_time)
        finally:
            pinging.cancel()
            await asyncio.wait({pinging})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _ping(self, send: Send, one_at_a_time: asyncio.Lock) -> None:
        clock = asyncio.get_running_loop().time
        self._sent_at = clock()
        while True:
            await asyncio.sleep(max(0.0, self._sent_at + self._ping_interval_s - clock()))
            if clock() - self._sent_at >= self._ping_interval_s:
                await self._send_line(send, PING, one_at_a_time)

    async def _send_line(self, send: Send, line: str, one_at_a_time: asyncio.Lock) -> None:
        async with one_at_a_time:
            await send({"type": "http.response.body", "body": line.encode(), "more_body": True})
            self._sent_at = asyncio.get_running_loop().time()
