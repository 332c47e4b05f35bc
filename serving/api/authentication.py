"""Who asks: keys from the settings, presented as ``Authorization: Bearer``."""

import hmac
import os
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable
from typing import Annotated

from fastapi import Depends, Request

from footnote.core.catalog.collections import owner_principal
from footnote.core.data_directory import find_running_server
from footnote.core.errors import AccessDenied, NotAuthenticated
from footnote.core.offload import offload
from footnote.core.owners import LOCAL_OWNER
from footnote.core.settings import Settings
from footnote.core.types import EVERYONE, Caller
from serving.api.errors import PasswordNeeded

_HINT = "Send one as `Authorization: Bearer KEY`."


def caller(owner: str, principals: Iterable[str] = (), *, is_operator: bool = False) -> Caller:
    """Return a caller with what every caller is: everyone, and its own owner."""
    return Caller(owner=owner, principals=frozenset({EVERYONE, owner_principal(owner), *principals}), is_operator=is_operator)


class Authentication:
    """The keys that are accepted. Without any in the settings, everybody on this machine is the owner ``local``."""

    def __init__(self, settings: Settings) -> None:
        self._keys = settings.server.keys
        self._data_dir = settings.data_dir

    async def caller_with(self, secret: str | None) -> Caller:
        """Return who presents this secret. Every key is compared, each in constant time.

        The token that a server writes into its data directory is accepted beside the keys: whoever can read it is the user who runs it.

        Raises:
            NotAuthenticated: keys are needed, and this is none.
        """
        if not self._keys:
            return caller(LOCAL_OWNER, is_operator=True)
        if secret is None:
            raise NotAuthenticated("No API key was sent.", hint=_HINT)
        found: Caller | None = None
        for key in self._keys:
            if _equal(secret, key.key.get_secret_value()):
                found = caller(key.owner, key.principals)
        if found is None and _equal(secret, await offload(self._local_token)):
            found = caller(LOCAL_OWNER, is_operator=True)
        if found is None:
            raise NotAuthenticated("The API key is not known.", hint=_HINT)
        return found

    async def require_operator(self, secret: str | None) -> None:
        """Let nobody pass but who can read the data directory; keys of the settings are not enough, and needed they are not.

        Raises:
            AccessDenied: the token that this server wrote there was not sent.
        """
        if secret is None or not _equal(secret, await offload(self._local_token)):
            raise AccessDenied("Only the user who runs the server may ask for this.", hint="Use footnote's command line on its machine.")

    def _local_token(self) -> str | None:
        server = find_running_server(self._data_dir)
        return server.token.get_secret_value() if server is not None and server.pid == os.getpid() else None


async def authenticated(request: Request) -> Caller:
    """Return who sends this request.

    Raises:
        NotAuthenticated: a key is needed, and none that is known was sent.
    """
    return await authentication_of(request).caller_with(_bearer(request))


async def authenticated_reader(request: Request) -> Caller:
    """Like ``authenticated``, for pages that a person opens: a browser asks for the key as a password.

    Only pages that read take it: a browser sends a password along with whatever any page makes it ask for.
    """
    try:
        return await authentication_of(request).caller_with(_bearer(request) or _password(request))
    except NotAuthenticated as error:
        raise PasswordNeeded(error.message, hint="Send a key as `Authorization: Bearer KEY`, or enter it as the password.") from error


async def operator(request: Request) -> None:
    """Refuse everybody but who runs the server.

    Raises:
        AccessDenied: somebody else asks.
    """
    await authentication_of(request).require_operator(_bearer(request))


def authentication_of(request: Request) -> Authentication:
    """Return the application's keys."""
    authentication = request.app.state.authentication
    assert isinstance(authentication, Authentication)
    return authentication


CallerDependency = Annotated[Caller, Depends(authenticated)]
ReaderDependency = Annotated[Caller, Depends(authenticated_reader)]


def _equal(secret: str, key: str | None) -> bool:
    return key is not None and hmac.compare_digest(secret.encode(), key.encode())


def _bearer(request: Request) -> str | None:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() or None if scheme.lower() == "bearer" else None


def _password(request: Request) -> str | None:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return b64decode(encoded, validate=True).decode().partition(":")[2] or None
    except (Base64Error, UnicodeDecodeError):
        return None
