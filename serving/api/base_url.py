"""How people reach the server, for links that they follow."""

from fastapi import Request

from footnote.core.settings import ServerSettings


def base_url_of(request: Request, settings: ServerSettings) -> str:
    """Return the address of the setting, else the one that the request was sent to; without a slash at its end."""
    return (settings.base_url or str(request.base_url)).rstrip("/")
