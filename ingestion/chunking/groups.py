"""Which sections share a chunk: a heading goes with what follows it, and tiny sections go together where nothing higher begins between."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from footnote.core.types import Document, Element
from ingestion.chunking.sections import PATH_SEPARATOR, Section, common_path
from ingestion.chunking.tokens import Tokens

TINY_SHARE = 0.25
"""A section or a paragraph below this share of a chunk's size is joined to what is beside it, where that fits."""


@dataclass(frozen=True, slots=True)
class Group:
    """Sections that are chunked together, and the headings that apply to all of their text."""

    sections: tuple[Section, ...]

    @property
    def elements(self) -> tuple[Element, ...]:
        return tuple(element for section in self.sections for element in section.elements)

    @property
    def path(self) -> tuple[str, ...]:
        with_body = [section.path for section in self.sections if section.has_body]
        return common_path(with_body) if with_body else self.sections[-1].path

    @property
    def has_body(self) -> bool:
        return any(section.has_body for section in self.sections)

    @property
    def start(self) -> int:
        return self.sections[0].start

    @property
    def end(self) -> int:
        return self.sections[-1].end

    def with_section(self, section: Section) -> "Group":
        return Group((*self.sections, section))


def grouped(document: Document, sections: Sequence[Section], *, size: int, tokens: Tokens) -> list[Group]:
    """Return the sections in order, in groups.

    A heading without a body is joined to the next section unless that one stands higher; then to the one before, where they fit into
    one chunk. A tiny section is joined to the next one when that does not stand higher and both fit into one chunk.
    """

    def fits(group: Group) -> bool:
        return tokens.within(document.text[group.start : group.end], size - tokens.cost(PATH_SEPARATOR.join(group.path)) - 1)

    def is_tiny(group: Group) -> bool:
        return tokens.within(document.text[group.start : group.end], int(TINY_SHARE * size))

    def joins_tiny(tiny: Sequence[Section], section: Section) -> bool:
        group = Group(tuple(tiny))
        return is_tiny(group) and fits(group.with_section(section))

    groups: list[Group] = []
    current: list[Section] = []
    has_body = False
    for section in sections:
        # Not a group each time: a text all in capitals is thousands of headings, and joining them one by one would take their square.
        if current and section.level >= current[-1].level and (not has_body or joins_tiny(current, section)):
            current.append(section)
            has_body = has_body or section.has_body
            continue
        _close_group(groups, current, fits)
        current, has_body = [section], section.has_body
    _close_group(groups, current, fits)
    return groups


def _close_group(groups: list[Group], sections: Sequence[Section], fits: Callable[[Group], bool]) -> None:
    """Append a group of sections; headings that nothing followed go to the group before, where they fit."""
    if not sections:
        return
    group = Group(tuple(sections))
    if groups and not group.has_body:
        joined = Group((*groups[-1].sections, *group.sections))
        if fits(joined):
            groups[-1] = joined
            return
    groups.append(group)
