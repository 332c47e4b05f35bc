"""docker-compose.yml as Compose reads it: merged, and with its variables filled in."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
OURS = ("api", "worker", "worker-gpu")
GIVEN = {"FOOTNOTE_KEY": "0123456789abcdef01234567", "POSTGRES_PASSWORD": "0123456789abcdef", "QDRANT_API_KEY": "fedcba9876543210"}

_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\})")


class MissingVariable(Exception):
    """A variable that the file asks for is not set."""


def compose(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the file with every ``${…}`` filled in.

    Raises:
        MissingVariable: one with ``:?`` is not set.
    """
    return _filled(yaml.safe_load(COMPOSE.read_text(encoding="utf-8")), environment)


def variables() -> dict[str, str]:
    """Return each variable of the file with its kind: ``?`` asked for, ``-`` with a default, or neither."""
    text = "\n".join(line for line in COMPOSE.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#"))
    return {found["name"]: found["kind"] or "" for found in _VARIABLE.finditer(text) if found["name"]}


def _filled(value: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(inner, environment) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, environment) for inner in value]
    return _VARIABLE.sub(lambda found: _value(found, environment), value) if isinstance(value, str) else value


def _value(found: re.Match[str], environment: Mapping[str, str]) -> str:
    if found["dollar"]:
        return "$"
    given = environment.get(found["name"])
    if given:
        return given
    if found["kind"] == "?":
        raise MissingVariable(f"{found['name']}: {found['rest']}")
    return found["rest"] or ""
