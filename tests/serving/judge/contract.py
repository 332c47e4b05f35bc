"""What every judge promises. An implementation inherits the class and gives the fixture ``judge``."""

import pytest

from footnote.core.types import Passage
from serving.judge.port import Judge

LEAVE = (
    "Paid leave. Employees receive 26 days of paid leave in each calendar year. Unused days expire on 31 March of the following year. "
    "The office in Hamburg is closed between Christmas and New Year."
)
PUMP = (
    "Servicing the pump. The pump must be serviced every 1,500 operating hours by a technician from Norddruck. Keep the log in the cabinet."
)
TABLE = "City | Staff | Opened\nHamburg | 48 | 2011\nLisbon | 17 | 2019"
MARGIN = 0.1


def passage(text: str, *, n: int, start: int = 0, context: str = "") -> Passage:
    return Passage(
        n=n,
        file_id="file-1",
        filename="handbook.pdf",
        collection_id="default",
        attachment_id="att_1",
        version_id="ver_1",
        chunk_ids=("chunk_1",),
        page=1,
        heading="",
        context=context,
        start=start,
        end=start + len(text),
        text=text,
        score=1.0,
        similarity=0.8,
    )


PASSAGES = [passage(LEAVE, n=1, start=1_000), passage(PUMP, n=2, start=37), passage(TABLE, n=5)]
NEAR_VERBATIM = "Each calendar year, employees receive 26 days of paid leave."
SECOND = "A technician from Norddruck must service the pump every 1500 operating hours."
CHANGED_NUMBER = "Each calendar year, employees receive 28 days of paid leave."
UNRELATED = "Volcanoes on Iceland erupt about every five years."


class JudgeContract:
    """Inherit it as ``class TestX(JudgeContract)`` with an async fixture ``judge``."""

    @pytest.fixture
    async def judge(self) -> Judge:
        raise NotImplementedError

    async def test_a_near_verbatim_claim_is_supported_with_a_clear_margin(self, judge: Judge):
        for claim in (NEAR_VERBATIM, SECOND):
            (judgement,) = await judge.judge([claim], PASSAGES)
            assert judgement.supported
            assert judgement.score >= judge.threshold + MARGIN

    async def test_a_sentence_of_the_passages_is_supported(self, judge: Judge):
        for claim in ("Unused days expire on 31 March of the following year.", "Keep the log in the cabinet."):
            (judgement,) = await judge.judge([claim], PASSAGES)
            assert judgement.supported

    @pytest.mark.parametrize("claim", [CHANGED_NUMBER, UNRELATED])
    async def test_a_changed_number_and_an_unrelated_claim_are_not(self, judge: Judge, claim: str):
        (judgement,) = await judge.judge([claim], PASSAGES)
        assert not judgement.supported
        assert judgement.score < judge.threshold

    async def test_one_judgement_per_claim_in_order(self, judge: Judge):
        claims = [UNRELATED, NEAR_VERBATIM, "", SECOND, UNRELATED]
        judgements = await judge.judge(claims, PASSAGES)
        assert [judgement.supported for judgement in judgements] == [False, True, False, True, False]
        assert judgements[2].score == 0
        assert await judge.judge([], PASSAGES) == []

    async def test_the_same_claim_and_passages_give_the_same_judgement(self, judge: Judge):
        first = await judge.judge([NEAR_VERBATIM, UNRELATED], PASSAGES)
        await judge.prepare(PASSAGES)
        assert await judge.judge([NEAR_VERBATIM, UNRELATED], PASSAGES) == first

    async def test_without_passages_every_score_is_0(self, judge: Judge):
        judgements = await judge.judge([NEAR_VERBATIM, UNRELATED], [])
        assert [(judgement.score, judgement.supported, judgement.supports) for judgement in judgements] == [(0.0, False, ())] * 2

    async def test_a_passage_without_text_supports_nothing(self, judge: Judge):
        for text in ("", " \n "):
            (judgement,) = await judge.judge([NEAR_VERBATIM], [passage(text, n=1, start=10)])
            (support,) = judgement.supports
            assert (judgement.score, support.score) == (0.0, 0.0)
            assert (support.start, support.end) == (10, 10 + len(text))

    async def test_each_passage_has_a_support_best_first(self, judge: Judge):
        for claim, best in ((NEAR_VERBATIM, 1), (SECOND, 2), ("The office in Lisbon has a staff of 17.", 5)):
            (judgement,) = await judge.judge([claim], PASSAGES)
            scores = [support.score for support in judgement.supports]
            assert sorted(support.passage for support in judgement.supports) == [1, 2, 5]
            assert scores == sorted(scores, reverse=True)
            assert judgement.supports[0].passage == best

    async def test_spans_lie_in_their_passages_and_hold_the_supporting_sentence(self, judge: Judge):
        expected = {
            NEAR_VERBATIM: "Employees receive 26 days of paid leave in each calendar year.",
            SECOND: "The pump must be serviced every 1,500 operating hours by a technician from Norddruck.",
            "The office in Lisbon has a staff of 17.": "Lisbon | 17 | 2019",
        }
        by_number = {each.n: each for each in PASSAGES}
        for judgement, sentence in zip(await judge.judge(list(expected), PASSAGES), expected.values(), strict=True):
            for support in judgement.supports:
                source = by_number[support.passage]
                assert source.start <= support.start < support.end <= source.end
            best = judgement.supports[0]
            source = by_number[best.passage]
            assert source.text[best.start - source.start : best.end - source.start] == sentence

    async def test_scores_lie_between_0_and_1(self, judge: Judge):
        for judgement in await judge.judge([NEAR_VERBATIM, UNRELATED, "?!", "42", "I"], PASSAGES):
            assert 0 <= judgement.score <= 1
            assert all(0 <= support.score <= 1 for support in judgement.supports)
            assert judgement.supported == (judgement.score >= judge.threshold)

    async def test_a_sentence_and_a_claim_longer_than_any_window(self, judge: Judge):
        long_text = "and the pipe leads to the next valve " * 300 + "where the red lever opens the main tank"
        (judgement,) = await judge.judge(["The red lever opens the main tank."], [passage(long_text, n=1)])
        (support,) = judgement.supports
        assert support.end == len(long_text)
        await judge.judge([long_text], PASSAGES)

    async def test_it_says_that_it_is_ready(self, judge: Judge):
        assert (await judge.health()).ready
