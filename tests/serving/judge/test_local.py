"""The contract on LocalJudge with the embedder that comes with footnote, and what LocalJudge alone promises."""

import asyncio
import dataclasses
import json

import numpy as np
import pytest

from footnote.core.errors import InvalidSettings, ModelUnavailable
from footnote.core.settings import EmbedderSettings
from footnote.core.types import PartHealth
from retrieval.embedder.factory import create_embedder
from serving.judge import local
from serving.judge.calibration import CALIBRATION_FILE, load_calibration, save_calibration
from serving.judge.features import FEATURES
from serving.judge.local import LocalJudge
from tests.serving.judge.contract import CHANGED_NUMBER, NEAR_VERBATIM, PASSAGES, UNRELATED, JudgeContract, passage


class CountingEmbedder:
    """The real embedder, and what was asked of it; another name and a failure can be set."""

    def __init__(self, embedder, *, model=None, failure=None):
        self._embedder, self._failure = embedder, failure
        self.recipe = dataclasses.replace(embedder.recipe, model=model or embedder.recipe.model)
        self.documents: list[str] = []

    def token_spans(self, text):
        return self._embedder.token_spans(text)

    async def embed_documents(self, texts):
        if self._failure:
            raise self._failure
        self.documents += texts
        return await self._embedder.embed_documents(texts)

    async def embed_queries(self, texts):
        return await self._embedder.embed_queries(texts)

    async def health(self):
        if self._failure:
            return PartHealth(name="embedder", ready=False, detail="The model server does not answer.")
        return await self._embedder.health()

    async def close(self):
        raise AssertionError("a judge does not own its embedder")


@pytest.fixture(scope="module")
def embedder():
    opened = asyncio.run(create_embedder(EmbedderSettings()))
    yield opened
    asyncio.run(opened.close())


class TestLocalJudge(JudgeContract):
    @pytest.fixture
    async def judge(self, embedder):
        return LocalJudge(embedder)


async def test_its_name_with_the_embedder_it_was_calibrated_for(embedder):
    judge = LocalJudge(embedder)
    assert judge.name == "local-1"
    assert (await judge.health()).facts["calibrated"] is True


async def test_with_another_embedder_it_says_that_it_is_not_calibrated(embedder):
    judge = LocalJudge(CountingEmbedder(embedder, model="intfloat/e5-base"))
    health = await judge.health()
    assert judge.name == "local-1-uncalibrated"
    assert health.ready
    assert health.facts["calibrated"] is False
    assert "not calibrated for intfloat/e5-base" in health.detail


async def test_a_threshold_of_ones_own(embedder):
    assert LocalJudge(embedder).threshold == load_calibration().threshold
    strict = LocalJudge(embedder, threshold=1.0)
    (judgement,) = await strict.judge([NEAR_VERBATIM], PASSAGES)
    assert strict.threshold == 1.0
    assert not judgement.supported


async def test_a_prepared_passage_is_embedded_once(embedder):
    counting = CountingEmbedder(embedder)
    judge = LocalJudge(counting)
    await judge.prepare(PASSAGES)
    n_prepared = len(counting.documents)
    await judge.judge([NEAR_VERBATIM], PASSAGES)
    await judge.judge([UNRELATED], PASSAGES[1:])
    assert len(counting.documents) == n_prepared == len(set(counting.documents))


async def test_judging_while_preparing_embeds_once(embedder):
    counting = CountingEmbedder(embedder)
    judge = LocalJudge(counting)
    await asyncio.gather(judge.prepare(PASSAGES), judge.judge([NEAR_VERBATIM], PASSAGES), judge.judge([UNRELATED], PASSAGES))
    assert len(counting.documents) == len(set(counting.documents))


async def test_what_is_kept_is_bounded(embedder, monkeypatch):
    monkeypatch.setattr(local, "MAX_KEPT_SENTENCES", 2)
    counting = CountingEmbedder(embedder)
    judge = LocalJudge(counting)
    (first,) = await judge.judge([NEAR_VERBATIM], PASSAGES)
    (again,) = await judge.judge([NEAR_VERBATIM], PASSAGES)
    assert len(counting.documents) > len(set(counting.documents))
    assert again.score == pytest.approx(first.score, abs=0.02)


async def test_a_failing_embedder_is_the_callers_business(embedder):
    judge = LocalJudge(CountingEmbedder(embedder, failure=ModelUnavailable("The model server does not answer.")))
    with pytest.raises(ModelUnavailable):
        await judge.judge([NEAR_VERBATIM], PASSAGES)
    health = await judge.health()
    assert not health.ready
    assert health.detail == "The model server does not answer."


async def test_a_failure_leaves_the_judge_usable(embedder):
    counting = CountingEmbedder(embedder, failure=ModelUnavailable("Gone."))
    judge = LocalJudge(counting)
    with pytest.raises(ModelUnavailable):
        await judge.prepare(PASSAGES)
    counting._failure = None
    (judgement,) = await judge.judge([NEAR_VERBATIM], PASSAGES)
    assert judgement.supported


async def test_a_tables_header_counts_as_present(embedder):
    judge = LocalJudge(embedder)
    claim = "Turnover of the Lisbon branch in 2021 was 17 million."
    row = "Lisbon | 17 million"
    (bare,) = await judge.judge([claim], [passage(row, n=1)])
    (headed,) = await judge.judge([claim], [passage(row, n=1, context="Branch | Turnover 2021")])
    assert headed.score > bare.score


async def test_more_evidence_is_judged_together(embedder):
    judge = LocalJudge(embedder)
    parts = [passage("Anna Berg leads the Lisbon office.", n=1), passage("The Lisbon office has 17 staff.", n=2)]
    (judgement,) = await judge.judge(["Anna Berg leads the Lisbon office, which has 17 staff."], parts)
    assert judgement.score > max(support.score for support in judgement.supports)


async def test_features_are_what_scores_rest_on(embedder):
    judge = LocalJudge(embedder)
    matrix = await judge.features([NEAR_VERBATIM, CHANGED_NUMBER], PASSAGES)
    scores = [judgement.score for judgement in await judge.judge([NEAR_VERBATIM, CHANGED_NUMBER], PASSAGES)]
    assert matrix.shape == (2, len(FEATURES))
    assert matrix.dtype == np.float64
    assert [load_calibration().score(row) for row in matrix] == pytest.approx(scores, abs=0.02)


def test_a_calibration_survives_its_file(tmp_path):
    saved = load_calibration()
    save_calibration(saved, tmp_path / "calibration.json")
    assert load_calibration(tmp_path / "calibration.json") == saved
    assert (tmp_path / "calibration.json").read_bytes() == CALIBRATION_FILE.read_bytes()


def test_a_missing_fact_lowers_the_score():
    weights = load_calibration().weights
    assert all(weights[name].weight > 0 for name in ("similarity", "words_found"))
    assert all(
        weights[name].weight < 0 for name in ("name_exchanged", "numbers_missing", "negation_added", "negation_dropped", "speaker_words")
    )


def test_a_calibration_for_other_features_is_refused(tmp_path):
    content = json.loads(CALIBRATION_FILE.read_text(encoding="utf-8"))
    del content["weights"][FEATURES[-1]]
    (tmp_path / "old.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InvalidSettings, match="other features"):
        load_calibration(tmp_path / "old.json")
    with pytest.raises(InvalidSettings, match="not a judge's calibration"):
        load_calibration(tmp_path / "none.json")


async def test_what_is_scattered_over_many_passages_supports_nothing(embedder):
    judge = LocalJudge(embedder)
    claim = "Anna Berg moved the Lisbon office to a mill with 17 windows in 2019."
    scattered = [
        "Anna Berg plays chess.",
        "The Lisbon office is closed on Mondays.",
        "A mill stood by the river.",
        "The hall has 17 windows.",
    ]
    (judgement,) = await judge.judge([claim], [passage(text, n=n) for n, text in enumerate([*scattered, "It began in 2019."], start=1)])
    assert not judgement.supported
