"""Evaluation sets that are generated from documents: what is asked for, how far it is, and what came of it."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from footnote.core.catalog.evaluation_sets import MAX_NAME_CHARS
from footnote.core.types import Caller
from serving.api.schemas.api_object import ApiObject, ApiRequest, omitted
from serving.api.schemas.evaluation_sets import EvaluationSetImported, import_shown
from serving.generated_sets import MAX_GENERATED, GeneratedSet, GenerationProgress, Step, WantedSet, Way


class GenerateRequest(ApiRequest):
    """A set that is to be generated from documents that the caller may read."""

    name: Annotated[str, StringConstraints(max_length=MAX_NAME_CHARS)] = Field(description="Of the set, without `@`.")
    vector_store_id: str | None = Field(default=None, description="Of whose files questions are made; by default of all there are.")
    cases: int = Field(default=100, ge=1, le=MAX_GENERATED, description="At most so many.")
    by: Way = Field(default="rule", description="By rule, or by the language model that `evaluation.judge` names.")
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="Another one draws other questions.")
    per_file: int | None = Field(default=None, ge=1, description="At most so many of one file; by default three times its share.")
    stream: bool = Field(default=False, description="Answer with events: how far it is, and at last what came of it.")

    def wanted(self, caller: Caller) -> WantedSet:
        """Return what is to be generated for somebody."""
        return WantedSet(
            name=self.name,
            caller=caller,
            collection_id=self.vector_store_id,
            n_cases=self.cases,
            way=self.by,
            seed=self.seed,
            per_document=self.per_file,
        )


class SetGenerated(ApiObject):
    """What came of it."""

    object: Literal["evaluation_set.generated"] = "evaluation_set.generated"
    evaluation_set: EvaluationSetImported | None = omitted(description="Absent where no case could be made.")
    files: int = Field(description="Files that were looked at.")
    kinds: dict[str, int] = Field(description="Cases of each kind.")
    cases_of_files: dict[str, int] = Field(description="Cases of each file.")
    left_out: dict[str, int] = Field(description="Why something made no case, and how often; docs/generated-sets.md explains each.")


class GenerationStep(ApiObject):
    """How far it is."""

    object: Literal["evaluation_set.progress"] = "evaluation_set.progress"
    step: Step
    done: int
    total: int


def generated_shown(made: GeneratedSet) -> SetGenerated:
    """Return what came of it as the API shows it."""
    return SetGenerated(
        evaluation_set=None if made.imported is None else import_shown(made.imported),
        files=made.n_documents,
        kinds=dict(made.by_kind),
        cases_of_files=dict(made.by_document),
        left_out=dict(made.left_out),
    )


def step_shown(progress: GenerationProgress) -> GenerationStep:
    """Return how far it is as the API shows it."""
    return GenerationStep(step=progress.step, done=progress.n_done, total=progress.n_total)
