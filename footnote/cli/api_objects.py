"""What the API answers, as far as the command line reads it. Fields that it does not need are passed over."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

AttachmentState = Literal["in_progress", "completed", "failed", "cancelled"]


class ApiObject(BaseModel):
    """An object of the API; unknown fields are allowed, as the API may grow."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Collection(ApiObject):
    """A vector store."""

    id: str = Field(description="Its id.")
    name: str = Field(description="Its name.")


class Space(ApiObject):
    """Where a collection's vectors lie."""

    space: str | None
    embedder: str | None
    recipe_differs: bool


class CollectionInSpace(Collection):
    """A vector store with its space."""

    footnote: Space


class UploadedFile(ApiObject):
    """A file of the caller's. ``sha256`` is its content's hash, in hexadecimal digits."""

    id: str
    filename: str
    bytes: int
    sha256: str


class LastError(ApiObject):
    """Why an attachment failed."""

    code: str
    message: str


class IngestionJob(ApiObject):
    """How far an attachment is: the state of its job, counts of pages, chunks and the like, what takes whose place, and notes."""

    state: str
    attempt: int = 0
    searchable: bool = False
    counts: dict[str, int] = Field(default_factory=dict[str, int])
    replaces: list[str] = Field(default_factory=list[str])
    replaced_by: str | None = None
    source: str | None = None
    notes: list[str] = Field(default_factory=list[str])


class Attachment(ApiObject):
    """A file in a collection."""

    id: str
    created_at: int
    status: AttachmentState
    usage_bytes: int
    last_error: LastError | None = None
    filename: str
    job: IngestionJob = Field(alias="footnote")


class HitText(ApiObject):
    """A piece of a hit's text, with its page where the format has pages."""

    text: str
    page: int | None = None


class SearchHit(ApiObject):
    """A chunk that a search found. ``similarity`` is its cosine with the query."""

    file_id: str
    filename: str
    similarity: float
    content: list[HitText]


class FileCitation(ApiObject):
    """A citation as the message's annotations carry it; ``start`` and ``end`` are the quote's place in the document's text."""

    file_id: str
    start: int
    end: int
    quote: str
    page: int | None = None


class Claim(ApiObject):
    """A sentence of the answer."""

    start: int = Field(description="Where it begins in the answer's text, in code points.")
    end: int = Field(description="Where it ends.")
    verdict: Literal["supported", "unsupported", "unchecked"] = Field(description="Whether the passages support it.")
    score: float | None = Field(default=None, description="How well, from 0 to 1.")
    citations: list[int] = Field(description="Numbers of the passages that it rests on.")
    replaced: bool = Field(description="Whether it is a quote in the place of an unsupported sentence.")


class Passage(ApiObject):
    """A passage as numbered in the answer."""

    n: int = Field(description="Its number.")
    file_id: str = Field(description="The file it stands in.")
    filename: str = Field(description="That file's name.")
    vector_store_id: str = Field(description="The collection's id.")
    chunk_ids: list[str] = Field(description="The chunks that it covers.")
    page: int | None = Field(default=None, description="Its page, where the format has pages.")
    heading: str = Field(description="The headings above it.")
    start: int = Field(description="Where it begins in the document's text, in code points.")
    end: int = Field(description="Where it ends.")
    score: float = Field(description="By which passages are ordered.")
    text: str = Field(description="Its text.")


class Footnote(ApiObject):
    """The ``footnote`` object that closes an answer."""

    turn_id: str
    release: str
    query: str
    abstained: bool
    claims: list[Claim]
    passages: list[Passage]
    timings_ms: dict[str, float]


class DraftClaim(ApiObject):
    """A sentence of a draft."""

    start: int
    end: int
    verdict: Literal["supported", "unsupported", "unchecked"]
    score: float | None = None


class TurnPassage(ApiObject):
    """A passage that a model was given. What the caller may not read any more has no text, and no name."""

    n: int = Field(description="Its number.")
    readable: bool = Field(description="Whether it is still there, and the caller may read it.")
    filename: str | None = Field(default=None, description="The file it stands in.")
    page: int | None = Field(default=None, description="Its page, where the format has pages.")
    heading: str | None = Field(default=None, description="The headings above it.")
    score: float = Field(description="By which passages are ordered.")
    text: str | None = Field(default=None, description="Its text.")


class Turn(ApiObject):
    """A question and its answer with what explains it."""

    id: str
    created_at: int
    release: str
    run_id: str | None = None
    erased_at: int | None = None
    question: str
    query: str
    draft: str
    draft_claims: list[DraftClaim]
    shown: str
    changes: list[str]
    abstained: bool
    error_code: str | None = None
    passages: list[TurnPassage]


class ErasureCounts(ApiObject):
    """What there is of a file."""

    attachments: int = Field(description="Collections that it is in.")
    versions: int = Field(description="Its contents under one recipe each.")
    points: int = Field(description="Its vectors in the index.")
    chunks: int = Field(description="Its chunks.")
    documents: int = Field(description="Its parsed texts.")
    bytes: int = Field(description="Its stored bytes.")
    turns: int = Field(description="Answers with text that quote it.")
    feedback: int = Field(description="Comments and corrections on those.")
    cases: int = Field(description="Evaluation cases that came from it.")
    training_rows: int = Field(description="Training rows that came from it.")


class Receipt(ApiObject):
    """What erasing a file came to."""

    id: str = Field(description="The receipt's id.")
    status: Literal["begun", "erased", "done"] = Field(description="`done` where nothing is left.")
    before: ErasureCounts = Field(description="What there was.")
    after: ErasureCounts | None = Field(default=None, description="What a count found afterwards.")
    adapters: list[str] = Field(description="Adapters that were trained on rows which came from it. They stay.")
    kept_for: list[str] = Field(description="Your other files with the same bytes, for which bytes and parsed text stay.")
    purged: bool | None = Field(default=None, description="False where a Qdrant server frees its disk in its own time.")


class PartState(ApiObject):
    """What a part of the server says about itself."""

    name: str
    ready: bool
    detail: str
    facts: dict[str, str | int | float | bool | None]


class Readiness(ApiObject):
    """Whether a question can be answered now."""

    parts: list[PartState]


class ReindexEmbedder(ApiObject):
    """What a collection is embedded with."""

    model: str


class ReindexFailure(ApiObject):
    """A file of which no new version could be built."""

    file_id: str
    filename: str
    message: str


class ReindexProgress(ApiObject):
    """How far a re-indexing is."""

    total: int
    built: int
    failed: int
    chunks: int
    chunks_per_second: float
    seconds_left: float | None
    is_built: bool
    is_settled: bool
    failures: list[ReindexFailure]


class Flipped(ApiObject):
    """What a flip did."""

    queued: int


class Reindex(ApiObject):
    """A re-indexing."""

    id: str
    status: Literal["building", "flipped", "done", "cancelled"]
    embedder: ReindexEmbedder
    previous_embedder: ReindexEmbedder | None = None
    progress: ReindexProgress
    keep_until: int | None = None
    flip: Flipped | None = None


class EvaluationSet(ApiObject):
    """A version of an evaluation set."""

    id: str
    name: str
    number: int
    kind: str
    sha256: str
    cases: int
    tombstones: int


class ImportedSet(EvaluationSet):
    """What an import came to."""

    is_new: bool
    unresolved: list[str]
    unresolved_cases: int


class GenerationStep(ApiObject):
    """How far the generation of a set is."""

    step: str
    done: int
    total: int


class GeneratedSet(ApiObject):
    """What the generation of a set came to."""

    evaluation_set: ImportedSet | None = None
    files: int
    kinds: dict[str, int]
    cases_of_files: dict[str, int]
    left_out: dict[str, int]


class EvaluationRun(ApiObject):
    """A run of evaluation, and how far it is."""

    id: str
    created_at: int
    status: Literal["queued", "running", "completed", "failed", "cancelled"]
    error_code: str | None = None
    set_id: str
    release: str
    cases: int
    answered: int
    errors: int
    report_id: str | None = None
    resumed: bool = False

    @property
    def is_finished(self) -> bool:
        return self.status in ("completed", "failed", "cancelled")


class DeletedRun(ApiObject):
    """What went with a run of evaluation."""

    id: str = Field(description="What was deleted, as it was asked for.")
    answers: int = Field(description="Cases that were asked.")
    scores: int = Field(description="Values, and failures to have one.")
    reports: int = Field(description="Reports.")
    deliveries: int = Field(description="Reports that a channel was owed, or had got.")
    turns: int = Field(description="Turns that were asked by runs; those that people asked stay.")


class DeletedSet(DeletedRun):
    """What went with an evaluation set."""

    sets: int = Field(description="Versions of the set.")
    cases: int = Field(description="Their cases.")
    runs: int = Field(description="Runs over them, also those of others.")


class MeanScore(ApiObject):
    """A mean with its interval and its coverage."""

    mean: float | None = Field(description="Over the cases that could be scored; null where there is none.")
    low: float | None = Field(description="The lower end of its 95 % interval.")
    high: float | None = Field(description="The upper end.")
    scored: int = Field(description="Cases with a value.")
    total: int = Field(description="Cases that the metric applies to.")
    judge: str | None = Field(description="Who scored: `labels`, `measured`, the local judge's name, or `ragas:MODEL`.")
    target: str = Field(description="`draft`: what the model wrote. `shown`: what people got. `turn`: retrieval, time and cost.")
    reason: str | None = Field(default=None, description="Why there is no mean, as a code.")


class Finding(ApiObject):
    """Something that one should know, with the numbers that say so."""

    code: str = Field(description="Which finding; docs/evaluation-report.md explains them.")
    metric: str = Field(description="The metric that it rests on first.")
    numbers: dict[str, float] = Field(description="By name.")


class Recommendation(ApiObject):
    """What to do first."""

    action: str = Field(
        description="`nothing`, `mend_errors`, `check_retrieval`, `re_tune`, `check_judge`, `add_documents` or `read_cases`."
    )
    because: list[Finding] = Field(description="The findings that say so, the leading one first.")
    then: list[str] = Field(description="What else there is to do afterwards.")


class RunOfReport(ApiObject):
    """Which run a report is of."""

    run_id: str
    release_id: str
    set_name: str
    set_number: int
    n_cases: int
    n_unanswered_cases: int


class Report(ApiObject):
    """What a report opens with."""

    id: str
    created_at: int
    run: RunOfReport
    scores: dict[str, MeanScore]
    shown: dict[str, MeanScore]
    recommendation: Recommendation


class Difference(ApiObject):
    """How a metric moved."""

    metric: str = Field(description="Its name.")
    target: str = Field(description="Whose score it is.")
    judge: str = Field(description="Who scored.")
    old: float = Field(description="The older mean, over the cases that both have scored.")
    new: float = Field(description="The newer one.")
    difference: float = Field(description="New less old.")
    low: float = Field(description="The lower end of its 95 % interval.")
    high: float = Field(description="The upper end.")
    n: int = Field(description="Cases that both have scored.")
    is_noise: bool = Field(description="Whether chance explains it.")
    better: bool = Field(description="Whether it got better.")
    worse: bool = Field(description="Whether it got worse.")


class ReportComparison(ApiObject):
    """What moved between two reports."""

    old: Report
    new: Report
    differences: list[Difference]
