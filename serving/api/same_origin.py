"""Keeps web pages of others away from a server without keys.

Such a server trusts everybody on its machine, and a browser on that machine sends what any page tells it to: a page may post a form to
loopback, or let its own name point there (DNS rebinding) and read the answers. So a request must be meant for this server, by its Host,
and, where a page sent it, come from one of its own, by its Origin.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from footnote.core.errors import AccessDenied
from footnote.core.settings import ServerSettings
from serving.api.errors import error_response


class SameOriginMiddleware:
    """Answers 403 to what a foreign page may have sent. With keys in the settings everything passes: pages do not know them."""

    def __init__(self, app: ASGIApp, *, settings: ServerSettings) -> None:
        self._app = app
        self._is_open = bool(settings.keys)
        self._own_host = None if settings.base_url is None else urlsplit(settings.base_url).hostname

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_open:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not self._is_own(f"//{headers.get('host', '')}") or not self._is_own(headers.get("origin")):
            await error_response(_refusal())(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_own(self, address: str | None) -> bool:
        if address is None:
            return True
        host = _hostname(address)
        return host is not None and (host == self._own_host or is_loopback(host))


def is_loopback(host: str) -> bool:
    """Say whether a host's name means this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _hostname(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _refusal() -> AccessDenied:
    return AccessDenied(
        "This server has no keys and answers only what is sent to it by this machine's own name.",
        hint="Open it as http://127.0.0.1, set server.base_url to the name that people use, or set server.keys.",
    )
