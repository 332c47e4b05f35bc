"""Options that many commands have, and the settings that follow from them. Nothing heavy is imported: help has to be instant."""

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
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def settings_of(data_dir: Path | None, overrides: "dict[str, Any] | None" = None) -> "Settings":
    """Return the settings, with what the command line says on top.

    Raises:
        InvalidSettings: a setting is unknown or wrong.
    """
    from footnote.core.settings import load_settings

    return load_settings({**(overrides or {}), **({} if data_dir is None else {"data_dir": data_dir})})
