"""Everything that a request may need, built once by the wiring and passed down."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from footnote.core.blobs import BlobStore
from footnote.core.catalog.catalog import Catalog
from footnote.core.settings import Settings
from footnote.core.telemetry import Telemetry
from footnote.core.types import PartHealth, Release
from retrieval.index.port import Points
from retrieval.search import Searcher
from retrieval.spaces import Spaces
from serving.answer import AnswerEvent, Question
from serving.erasing import Eraser
from serving.evaluating import Evaluating
from serving.generated_sets import GeneratesSets


class Answers(Protocol):
    """Answers questions: ``serving.answering.Answerer`` is the one there is."""

    def answer(self, question: Question) -> AsyncGenerator[AnswerEvent]:
        """Yield the events of an answer; closing it stops the model and keeps what there is of the turn.

        Raises:
            NotFound: a collection that is named does not exist for this caller.
            Overloaded: too many answers are being written.
            ModelUnavailable, GenerationTimeout, IndexUnavailable, CatalogUnavailable: before the first text or in the middle.
        """
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """The parts behind the API.

    ``wake_ingestion`` tells the queue that a job waits; ``health`` asks every part; ``announce`` tells this machine's command line
    the address that the server listens on; ``snapshot_index`` copies an index that is in this process into a folder of the data
    directory, which it returns.
    """

    settings: Settings
    telemetry: Telemetry
    catalog: Catalog
    blobs: BlobStore
    eraser: Eraser
    index: Points
    spaces: Spaces
    searcher: Searcher
    answers: Answers
    release: Release
    evaluation: Evaluating
    set_generator: GeneratesSets
    wake_ingestion: Callable[[], None]
    announce: Callable[[str], None]
    health: Callable[[], Awaitable[Sequence[PartHealth]]]
    snapshot_index: Callable[[], Awaitable[Path | None]]


OpenServices = Callable[[Settings], AbstractAsyncContextManager[Services]]
