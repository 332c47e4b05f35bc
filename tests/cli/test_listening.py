"""The socket that a server listens on."""

import asyncio
import socket

from footnote.cli.listening import listening
from footnote.core.settings import ServerSettings


async def test_answers_are_sent_at_once_and_wait_for_no_acknowledgement():
    accepted: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()

    def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set_result(writer)

    with listening(ServerSettings(port=0)) as listener:
        async with await asyncio.start_server(answer, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname()[:2])
            connection = (await accepted).get_extra_info("socket")
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            (await accepted).close()
            writer.close()
