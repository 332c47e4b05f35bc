"""What the API asks of whoever generates evaluation sets from documents. Who does is above this room: the wiring brings both together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from footnote.core.catalog.evaluation_records import ImportedSet
from footnote.core.types import Caller

MAX_GENERATED = 2_000

Way = Literal["rule", "model"]
Step = Literal["reading", "asking", "checking"]


@dataclass(frozen=True, slots=True)
class WantedSet:
    """What is to be generated.

    Args:
        name: the set that the cases become a version of.
        caller: whose documents are read, and who owns the set.
        collection_id: of which documents questions are made; None: of all that the caller may read.
        n_cases: so many cases at most.
        way: by rule, or by the language model that judges.
        seed: another one draws other documents and questions.
        per_document: at most so many of one document; None: three times its share.
    """

    name: str
    caller: Caller
    collection_id: str | None = None
    n_cases: int = 100
    way: Way = "rule"
    seed: int = 0
    per_document: int | None = None


@dataclass(frozen=True, slots=True)
class GenerationProgress:
    """How far it is: ``step`` says what is counted."""

    step: Step
    n_done: int
    n_total: int


@dataclass(frozen=True, slots=True)
class GeneratedSet:
    """What came of it.

    Args:
        imported: the version of the set; None where no case could be made.
        n_documents: documents that were looked at.
        by_kind: cases of each kind.
        by_document: cases of each document.
        left_out: why what was looked at made no case, and how often.
    """

    imported: ImportedSet | None
    n_documents: int
    by_kind: Mapping[str, int] = field(default_factory=dict[str, int])
    by_document: Mapping[str, int] = field(default_factory=dict[str, int])
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])


OnGeneration = Callable[[GenerationProgress], None]


def unreported(progress: GenerationProgress) -> None:
    """Tell nobody."""


class GeneratesSets(Protocol):
    """Generates sets: ``evaluation.generating.generator.SetGenerator`` is the one there is."""

    async def generate(self, wanted: WantedSet, *, on_progress: OnGeneration = unreported) -> GeneratedSet:
        """Generate cases and keep them as a version of a set.

        Raises:
            NotFound: there is no such collection that the caller may read.
            InvalidInput: a language model is wanted and none is configured, or the name cannot be used.
            ModelUnavailable: the language model does not answer.
        """
        ...
