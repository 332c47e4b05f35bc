"""What is counted and timed of a turn."""

import re

import pytest

from evaluation.answered import Answered
from evaluation.measures import MeasuredScorer, Prices
from evaluation.metrics import METRICS, REASONS
from evaluation.personal_data import pattern_finder, personal_data
from footnote.core.settings import GeneratorSettings
from footnote.core.types import Message
from ingestion.redaction import Finding
from tests.evaluation.answers import answered, case, passage


def find_mail(text: str) -> list[Finding]:
    return [Finding("EMAIL_ADDRESS", match.start(), match.end(), 1.0) for match in re.finditer(r"\w+@\w+\.\w+", text)]


def find_phone(text: str) -> list[Finding]:
    return [Finding("PHONE_NUMBER", match.start(), match.end(), 1.0) for match in re.finditer(r"\+?[\d -]{7,}\d", text)]


async def values_of(scorer: MeasuredScorer, one: Answered) -> dict[tuple[str, str], float | None]:
    return {(score.metric, score.target): score.value for score in await scorer.score(one)}


async def test_times_tokens_and_cost() -> None:
    timings = {"rewrite": 1.0, "embed": 10.0, "search": 5.0, "load": 2.0, "pack": 2.0, "first_token": 80.0, "judge": 7.0, "total": 900.0}
    scorer = MeasuredScorer(prices=Prices(prompt=2.0, completion=10.0), find=None)
    values = await values_of(scorer, answered(case(), draft="At six.", timings_ms=timings))
    assert values == {
        ("latency_ms", "turn"): 900.0,
        ("first_token_ms", "turn"): 100.0,
        ("prompt_tokens", "turn"): 200.0,
        ("completion_tokens", "turn"): 30.0,
        ("cost", "turn"): pytest.approx((200 * 2 + 30 * 10) / 1e6),
    }


def test_one_price_alone_is_no_price() -> None:
    assert Prices.of_settings(GeneratorSettings()) is None
    assert Prices.of_settings(GeneratorSettings(prompt_price=2.0)) is None
    assert Prices.of_settings(GeneratorSettings(prompt_price=0.0, completion_price=3.0)) == Prices(prompt=0.0, completion=3.0)


async def test_without_prices_and_recognisers_there_is_a_reason_in_place_of_a_score() -> None:
    scorer = MeasuredScorer(prices=None, find=None)
    assert dict(scorer.not_measured) == {
        "cost": "no_prices",
        "personal_data": "no_recognisers",
        "personal_data_unsourced": "no_recognisers",
    }
    assert set(scorer.not_measured.values()) <= set(REASONS)
    values = await values_of(scorer, answered(case(), draft="x", timings_ms={"total": 1.0}))
    assert {metric for metric, _ in values} == {"latency_ms", "prompt_tokens", "completion_tokens"}
    complete = MeasuredScorer(prices=Prices(1, 1), find=find_mail)
    assert not complete.not_measured
    assert set(complete.metrics) <= set(METRICS)


async def test_an_answer_that_failed_has_no_latency_and_has_cost_its_tokens() -> None:
    scores = await MeasuredScorer(prices=None, find=find_mail).score(
        answered(case(), draft="Ask a@b.c", error_code="GenerationTimeout", timings_ms={"total": 60_000.0, "first_token": 5.0})
    )
    assert {(score.metric, score.target, score.value, score.failure_code) for score in scores} == {
        ("latency_ms", "turn", None, "answer_failed"),
        ("prompt_tokens", "turn", 200.0, None),
        ("completion_tokens", "turn", 30.0, None),
        *((name, target, None, "answer_failed") for name in ("personal_data", "personal_data_unsourced") for target in ("draft", "shown")),
    }


async def test_personal_data_that_nobody_gave_the_model_is_told_apart() -> None:
    scorer = MeasuredScorer(prices=None, find=find_mail)
    one = answered(
        case(),
        draft="Write to ann@x.org, ANN@x.org or bob@x.org [1].",
        shown="Nothing.",
        passages=(passage(1, "Contact: ann@x.org"),),
    )
    values = await values_of(scorer, one)
    assert (values["personal_data", "draft"], values["personal_data_unsourced", "draft"]) == (2, 1)
    assert (values["personal_data", "shown"], values["personal_data_unsourced", "shown"]) == (0, 0)
    asked = await scorer.score(
        answered(case(), draft="bob@x.org", history=(Message("user", "I am bob@x.org"),), passages=(passage(1, "x"),))
    )
    assert {score.value for score in asked if score.metric == "personal_data_unsourced"} == {0}
    assert {"EMAIL_ADDRESS": 1} in [score.details for score in asked]


def test_a_number_is_the_same_however_it_is_spaced_and_not_a_part_of_another() -> None:
    given = ["Ring 020 7946-0958.", "0441 23 45 67 89 1"]
    assert personal_data("Ring 02079460958", given=given, find=find_phone).n_unsourced == 0
    assert personal_data("Ring 0441 2345678", given=given, find=find_phone).n_unsourced == 1
    assert personal_data("Ring 020 7946 0958", given=["1020 7946 0958"], find=find_phone).n_unsourced == 1
    twice = personal_data("Ring 020 7946 0958, that is 02079460958", given=[], find=find_phone)
    assert (twice.by_kind, twice.n_unsourced) == ({"PHONE_NUMBER": 1}, 1)


def test_the_recognisers_that_redact_find_what_has_a_pattern_and_leave_dates_and_pages_alone() -> None:
    find = pattern_finder()
    assert find is not None
    text = "Write to ann.lee@example.org or ring 212-555-0187 before 12/24/2025; see https://example.org/tides."
    found = personal_data(text, given=["ann.lee@example.org"], find=find)
    assert (found.by_kind, found.n_unsourced) == ({"EMAIL_ADDRESS": 1, "PHONE_NUMBER": 1}, 1)
