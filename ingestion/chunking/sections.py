"""Sections: what stands between one heading and the next, with the path of headings above it."""

from collections.abc import Sequence
from dataclasses import dataclass

from footnote.core.types import Document, Element, ElementKind

PATH_SEPARATOR = " > "
_DEFAULT_LEVEL = 1
_IN_NO_TEXT = frozenset({ElementKind.HEADER, ElementKind.FOOTER, ElementKind.PAGE_BREAK})


@dataclass(frozen=True, slots=True)
class Section:
    """Elements in order, beginning with their heading where they have one.

    ``path`` holds the headings that apply to all of it, the outermost first; ``level`` is that of its own heading, 0 for text before any.
    """

    path: tuple[str, ...]
    level: int
    elements: tuple[Element, ...]

    @property
    def start(self) -> int:
        return self.elements[0].start

    @property
    def end(self) -> int:
        return self.elements[-1].end

    @property
    def has_body(self) -> bool:
        return any(element.kind is not ElementKind.TITLE for element in self.elements)


def sections_of(document: Document) -> list[Section]:
    """Return the sections of a document in order; every element but running headers, footers and page breaks is in one of them."""
    sections: list[Section] = []
    headings: list[tuple[int, str]] = []
    level, elements = 0, list[Element]()

    def close_section() -> None:
        if elements:
            sections.append(Section(tuple(text for _, text in headings), level, tuple(elements)))

    for element in document.elements:
        if element.kind in _IN_NO_TEXT:
            continue
        if element.kind is ElementKind.TITLE:
            close_section()
            level, elements = element.level or _DEFAULT_LEVEL, []
            headings = [(above, text) for above, text in headings if above < level]
            headings.append((level, " ".join(document.text[element.start : element.end].split())))
        elements.append(element)
    close_section()
    return sections


def common_path(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the headings that all paths begin with."""
    shared: list[str] = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return tuple(shared)
