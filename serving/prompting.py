"""Prompts are files with typed variables and a sha256; this module reads them and fills them in.

A file in ``serving/prompts/`` has three parts, each opened by a line of its own::

    --- variables
    question: text
    passages: passages
    --- system
    …
    --- user
    … $passages … $question

Values are put in once and never looked at again: a ``$question`` inside a document stays what it is. Passages stand in fences that
their text cannot close.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Literal, get_args

from footnote.core.errors import InvalidSettings
from footnote.core.types import Message, Passage
from serving.citations import strip_markers

VariableType = Literal["text", "passages", "dialogue"]

_PART = re.compile(r"^--- (variables|system|user)\n", re.MULTILINE)
_TAG = re.compile(r"<(?=\s*/?\s*(?:passage|dialogue)\b)", re.IGNORECASE)
_CONTROL_TOKEN = re.compile(r"<(?=\|)|(?<=\|)>")
_ROLE_NAMES = {"user": "User", "assistant": "Assistant", "system": "System"}


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt's file, read. ``sha256`` is that of its bytes: together with the name it is part of a release."""

    name: str
    sha256: str
    system: str
    user: str
    variables: Mapping[str, VariableType]


def load_prompt(name: str) -> Prompt:
    """Read a prompt that is installed with footnote.

    Raises:
        InvalidSettings: there is no such prompt.
    """
    file = files("serving").joinpath("prompts", f"{name}.md")
    if not file.is_file():
        raise InvalidSettings(f"There is no prompt {name}.")
    return parse_prompt(name, file.read_bytes())


def parse_prompt(name: str, content: bytes) -> Prompt:
    """Return the prompt that a file's bytes describe.

    Raises:
        InvalidSettings: a part is missing, a type is unknown, or the variables declared are not the ones used.
    """
    pieces = _PART.split(content.decode("utf-8"))
    parts = dict(zip(pieces[1::2], pieces[2::2], strict=True))
    if pieces[0].strip() or list(parts) != ["variables", "system", "user"]:
        raise InvalidSettings(f"Prompt {name} needs the parts variables, system and user, in this order.")
    variables = _parse_variables(name, parts["variables"])
    system, user = parts["system"].strip(), parts["user"].strip()
    used = {*Template(system).get_identifiers(), *Template(user).get_identifiers()}
    if used != set(variables):
        raise InvalidSettings(f"Prompt {name} declares {sorted(variables)}, and uses {sorted(used)}.")
    return Prompt(name=name, sha256=hashlib.sha256(content).hexdigest(), system=system, user=user, variables=variables)


def render_answer(prompt: Prompt, *, question: str, history: Sequence[Message], passages: Sequence[Passage]) -> tuple[Message, ...]:
    """Return the messages that ask for an answer: the system's, the dialogue so far, and the question below its passages.

    The dialogue comes without markers: numbers belong to the passages of one turn.
    """
    values = {"question": _harmless(question), "passages": render_passages(passages)}
    dialogue = (Message(role=message.role, content=_harmless(strip_markers(message.content))) for message in history)
    system, user = _render(prompt, values, expected={"question": "text", "passages": "passages"})
    return (system, *dialogue, user)


def render_rewrite(prompt: Prompt, *, question: str, history: Sequence[Message]) -> tuple[Message, ...]:
    """Return the messages that ask for a question that stands alone."""
    lines = (f"{_ROLE_NAMES[message.role]}: {_harmless(_one_line(strip_markers(message.content)))}" for message in history)
    values = {"question": _harmless(question), "history": "\n".join(lines)}
    return _render(prompt, values, expected={"question": "text", "history": "dialogue"})


def render_passages(passages: Sequence[Passage]) -> str:
    """Return the passages as a prompt shows them: number, place, and the text between fences."""
    return "\n\n".join(_render_passage(passage) for passage in passages)


def _render_passage(passage: Passage) -> str:
    page = None if passage.page is None else f"p. {passage.page}"
    place = ", ".join(filter(None, (passage.filename, page, passage.heading)))
    text = f"{passage.context}\n{passage.text}" if passage.context and passage.context != passage.heading else passage.text
    return f"[{passage.n}] {_harmless(_one_line(place))}\n<passage>\n{_harmless(text)}\n</passage>"


def _render(prompt: Prompt, values: Mapping[str, str], *, expected: Mapping[str, VariableType]) -> tuple[Message, Message]:
    if dict(prompt.variables) != dict(expected):
        raise InvalidSettings(f"Prompt {prompt.name} must have the variables {dict(expected)}, and has {dict(prompt.variables)}.")
    return (
        Message(role="system", content=Template(prompt.system).substitute(values)),
        Message(role="user", content=Template(prompt.user).substitute(values)),
    )


def _parse_variables(name: str, text: str) -> dict[str, VariableType]:
    known: dict[str, VariableType] = {kind: kind for kind in get_args(VariableType)}
    variables: dict[str, VariableType] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        variable, _, kind = (part.strip() for part in line.partition(":"))
        if kind not in known:
            raise InvalidSettings(f"Prompt {name}: variable {variable} has the type {kind!r}, which is none of {sorted(known)}.")
        variables[variable] = known[kind]
    return variables


def _harmless(text: str) -> str:
    """Return the text with nothing in it that a fence or a chat template could be closed with.

    ``<passage``, ``</passage`` and tokens such as ``<|im_end|>`` get typographic brackets in place of theirs.
    """
    return _CONTROL_TOKEN.sub(lambda match: "‹" if match.group() == "<" else "›", _TAG.sub("‹", text))


def _one_line(text: str) -> str:
    return " ".join(text.split())
