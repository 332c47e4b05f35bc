"""The reference of all settings, written from the settings classes.

``python -m footnote.core.settings_reference > docs/settings.md`` writes it anew; a test compares the two.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from footnote.core.settings import Section, Settings, choices, environment_name

INTRODUCTION = """\
# Settings

Written from `footnote/core/settings.py` by `python -m footnote.core.settings_reference > docs/settings.md`; a test compares the two.

Where a setting comes from, the first that names it wins:

1. the command line, where a command has an option for it (`--data-dir`, `--host`, `--port`);
2. the environment: `FOOTNOTE_`, then the name in capitals, with two underscores where the name has a dot;
3. the file `footnote.toml` in the working directory, or the file that `FOOTNOTE_SETTINGS_FILE` names;
4. the default.

A name that does not exist is an error that names the nearest one, in the environment as in the file. An empty environment variable counts
as not set. Lists and tables are written as JSON in the environment: `FOOTNOTE_DEFAULT_PRINCIPALS='["everyone"]'`.

```toml
# footnote.toml
data_dir = "/var/lib/footnote"

[server]
host = "0.0.0.0"
keys = [{ key = "a-secret-of-16-or-more", owner = "research", principals = ["lab"] }]

[generator]
kind = "openai"
base_url = "http://vllm:8000/v1"
model = "meta-llama/Llama-3.1-8B-Instruct"
```
"""

TABLE_HEAD = "| setting | environment | type | default | meaning |\n| --- | --- | --- | --- | --- |"

_NAMES_OF_TYPES: dict[object, str] = {
    bool: "true or false",
    int: "integer",
    float: "number",
    str: "text",
    Path: "path",
    SecretStr: "secret",
}


def settings_reference() -> str:
    """Return ``docs/settings.md``."""
    return "\n".join([INTRODUCTION, *_section("General", None, Settings), *_sections(Settings, prefix="")])


def _sections(model: type[BaseModel], *, prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        section = _section_class(field.annotation)
        if section is not None:
            dotted = prefix + name
            yield from _section(f"`{dotted}`", dotted, section)
            yield from _sections(section, prefix=f"{dotted}.")


def _section(title: str, prefix: str | None, model: type[BaseModel]) -> Iterator[str]:
    rows = [
        _row(name if prefix is None else f"{prefix}.{name}", field)
        for name, field in model.model_fields.items()
        if not _is_section(field.annotation)
    ]
    yield f"## {title}\n"
    if prefix is not None:
        yield f"{model.__doc__}\n"
    if rows:
        yield "\n".join([TABLE_HEAD, *rows]) + "\n"


def _row(name: str, field: FieldInfo) -> str:
    is_entry = name.startswith("server.keys.")
    variable = "" if is_entry else f"`{environment_name(name)}`"
    cells = (f"`{name}`", variable, _type_of(field.annotation), _default_of(field), field.description or "")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default_of(field: FieldInfo) -> str:
    default = field.get_default()
    if field.is_required():
        return "required"
    if default is None or default == ():
        return ""
    return f"`{_written(default)}`"


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"  # pyright: ignore[reportUnknownVariableType] - tuples of names alone
    return str(value) or '""'


def _type_of(annotation: object) -> str:
    words = choices(annotation)
    if words:
        return " ".join(f"`{word}`" for word in words)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_of(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(_type_of(argument) for argument in arguments if argument is not NoneType)
    if origin is tuple:
        return "list of tables" if _is_section(arguments[0]) else f"list of {_type_of(arguments[0])}s"
    return _NAMES_OF_TYPES[annotation]


def _section_class(annotation: object) -> type[Section] | None:
    """Return the section that a field holds, itself or as the entries of a list."""
    if get_origin(annotation) is tuple:
        annotation = get_args(annotation)[0]
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None


def _is_section(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)


if __name__ == "__main__":
    sys.stdout.write(settings_reference())
