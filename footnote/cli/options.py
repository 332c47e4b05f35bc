"""Options that many commands have, and the settings that follow from them. Nothing heavy is imported: help has to be instant."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from footnote.core.settings import Settings

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where footnote keeps everything. By default the setting `data_dir`: `./data`.", show_default=False),
]
CollectionName = Annotated[
    str | None, typer.Option("--collection", "-c", help="Name or id of a collection.", show_default=False, metavar="NAME")
]
_KEY_HELP = (
    "A key of the server's `server.keys`, for whose owner the command acts. By default `FOOTNOTE_KEY`, "
    "which shows in no list of processes. Without one, or with an empty one, it acts for the user who runs the server."
)
Key = Annotated[
    str | None, typer.Option("--key", envvar="FOOTNOTE_KEY", help=_KEY_HELP, metavar="KEY", show_default=False, show_envvar=False)
]
KeyInGroup = Annotated[str | None, typer.Option("--key", help=_KEY_HELP, metavar="KEY", show_default=False)]
"""For a command whose group has read the environment: what stands before its name counts for more than that."""
_URL_HELP = (
    "The server to talk to, such as `https://footnote.example`; by default `FOOTNOTE_URL`, else the one that owns the data directory. "
    "Nothing is started here then. It takes `--key`, where that server has keys."
)
Url = Annotated[
    str | None, typer.Option("--url", envvar="FOOTNOTE_URL", help=_URL_HELP, metavar="URL", show_default=False, show_envvar=False)
]
UrlInGroup = Annotated[str | None, typer.Option("--url", help=_URL_HELP, metavar="URL", show_default=False)]
"""As ``KeyInGroup``."""
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


@dataclass(frozen=True, slots=True)
class ServerChoice:
    """Which server a command talks to, and for whom: as its options say, or the environment where they say nothing.

    Args:
        data_dir: the directory of a server on this machine.
        url: a server anywhere; empty is as good as none.
        key: for whose owner the command acts; empty is as good as none.
    """

    data_dir: Path | None = None
    url: str | None = None
    key: str | None = None


def settings_of(data_dir: Path | None, overrides: "dict[str, Any] | None" = None) -> "Settings":
    """Return the settings, with what the command line says on top.

    Raises:
        InvalidSettings: a setting is unknown or wrong.
    """
    from footnote.core.settings import load_settings

    return load_settings({**(overrides or {}), **({} if data_dir is None else {"data_dir": data_dir})})
