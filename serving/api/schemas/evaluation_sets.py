"""Evaluation sets: versions of sets of cases."""

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StringConstraints

from footnote.core.catalog.evaluation_records import CaseDraft, CaseRecord, EvaluationSetRecord, ImportedSet, SetKind
from footnote.core.catalog.evaluation_sets import MAX_CASES, MAX_NAME_CHARS
from footnote.core.catalog.paging import Page
from footnote.core.errors import InvalidInput
from serving.api.schemas.api_object import ApiObject, ApiRequest, omitted, unix_seconds

Filled = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
Kind = Literal["golden", "generated", "live"]


class CaseMessage(ApiRequest):
    """A message of the dialogue before the question."""

    role: Literal["system", "user", "assistant"]
    content: str


class CaseGold(ApiRequest):
    """Where the answer stands."""

    document: Filled = Field(description="The name of a file.")
    page: int | None = Field(default=None, ge=1, strict=True)
    quote: Filled = Field(description="A sentence or table row of it.")


class EvaluationCase(ApiRequest):
    """A question with what is known about its right answer; or, with `tombstone`, the place of one whose text was erased."""

    id: Filled = Field(description="Its name within the set, the same in each version.")
    question: str = ""
    part: str = Field(default="", description="`tune` or `test`, where a set keeps them apart.")
    kind: str = Field(default="question", description="How reports group it.")
    history: list[CaseMessage] = Field(default=[], description="The dialogue before the question.")
    answerable: StrictBool | None = Field(default=None, description="Whether the documents hold the answer.")
    reference_answer: str = ""
    answers: list[Filled] = Field(default=[], description="Short texts of which a right answer holds at least one.")
    gold: list[CaseGold] = Field(default=[], description="Where the answer stands.")
    document: str = Field(default="", description="The file that the question is about.")
    turn_id: Filled | None = Field(default=None, description="The turn that it was sampled from; its answer is scored as it was given.")
    generated_by: str = Field(default="", description="`rule`, or `model:` and the name of the model that wrote it; else a person did.")
    tombstone: bool = False

    def draft(self) -> CaseDraft:
        """Return the case as the catalog takes it.

        Raises:
            InvalidInput: it is neither a case nor a tombstone.
        """
        if self.tombstone:
            if self.model_fields_set - {"id", "tombstone"}:
                raise InvalidInput(f"The case {self.id!r} is a tombstone and has other fields.", param="cases")
            return CaseDraft(key=self.id, tombstone=True)
        if not self.question.strip():
            raise InvalidInput(f"The case {self.id!r} has no question.", param="cases")
        labels = {"id": self.id, **self.model_dump(exclude_defaults=True)}
        if self.gold:
            labels["gold"] = [passage.model_dump() for passage in self.gold]
        names = (*(passage.document for passage in self.gold), self.document)
        return CaseDraft(key=self.id, labels=labels, documents=tuple(dict.fromkeys(name for name in names if name)), turn_id=self.turn_id)


class ImportRequest(ApiRequest):
    """Cases that become a version of a set."""

    name: Annotated[str, StringConstraints(max_length=MAX_NAME_CHARS)] = Field(description="Of the set, without `@`.")
    kind: Kind = Field(default="golden", description="Written by people, made from documents, or sampled from turns.")
    cases: list[EvaluationCase] = Field(max_length=MAX_CASES)
    principals: list[Annotated[str, StringConstraints(min_length=1, max_length=255)]] | None = Field(
        default=None, max_length=100, description="Who may read the set beside its owner. By default that stays as it is, at first nobody."
    )

    @property
    def set_kind(self) -> SetKind:
        return SetKind(self.kind)


class EvaluationSet(ApiObject):
    """A version of a set of cases."""

    id: str
    object: Literal["evaluation_set"] = "evaluation_set"
    name: str
    number: int = Field(description="The version: 1, 2, …")
    kind: Kind
    sha256: str = Field(description="Of the canonical JSON of the cases as they were imported.")
    created_at: int
    cases: int
    tombstones: int = Field(description="Of them, those whose text was erased.")


class EvaluationSetImported(EvaluationSet):
    """What an import came to."""

    is_new: bool = Field(description="False where the newest version held the very same cases already.")
    unresolved: list[str] = Field(description="Names of documents that the caller has no readable attachment of.")
    unresolved_cases: int = Field(description="Cases that name one of them: erasing such a file will not find them.")


class EvaluationSetList(ApiObject):
    """A page of sets."""

    object: Literal["list"] = "list"
    data: list[EvaluationSet]
    first_id: str | None
    last_id: str | None
    has_more: bool


class CaseList(ApiObject):
    """A page of cases, each as it was imported, with its id at the server as `case_id`."""

    object: Literal["list"] = "list"
    data: list[dict[str, Any]]
    has_more: bool
    next_after: str | None = omitted(description="Give it as `after` for the next page.")


def set_shown(record: EvaluationSetRecord) -> EvaluationSet:
    """Return a set as the API shows it."""
    return EvaluationSet(**_fields(record))


def import_shown(imported: ImportedSet) -> EvaluationSetImported:
    """Return what an import came to as the API shows it."""
    return EvaluationSetImported(
        **_fields(imported.set),
        is_new=imported.is_new,
        unresolved=list(imported.unresolved),
        unresolved_cases=imported.n_unresolved_cases,
    )


def case_page(page: Page[CaseRecord]) -> CaseList:
    """Return a page of cases as the API shows it."""
    cases = page.items
    data = [{"case_id": case.id, **({"id": case.key, "tombstone": True} if case.tombstone else case.labels)} for case in cases]
    return CaseList(data=data, has_more=page.has_more, next_after=cases[-1].id if page.has_more else None)


def _fields(record: EvaluationSetRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "number": record.number,
        "kind": record.kind.value,
        "sha256": record.sha256,
        "created_at": unix_seconds(record.created_at),
        "cases": record.n_cases,
        "tombstones": record.n_tombstones,
    }
