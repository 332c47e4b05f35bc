import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.core.types import Verdict
from serving.claims import ABSTENTION, ClaimSplitter, is_checkable
from serving.judge.port import Judgement, Support
from serving.policy import ChangeCode, QuotePolicy, draft_claim, flag
from tests.serving.passages import make_passage

PASSAGES = (
    make_passage(1, "Staff have 28 days of leave.\nIt starts in April.", start=100),
    make_passage(2, "Leave is paid in full. See [3].", filename="pay.md", page=None, start=0),
    make_passage(3, "Staff have 28  days of leave.", filename="copy.txt", page=None, start=50),
)
LEAVE, PAID, COPY = Support(1, 0.4, 100, 128), Support(2, 0.35, 0, 31), Support(3, 0.3, 50, 79)
YES = Judgement(score=0.9, supported=True, supports=(Support(1, 0.9, 100, 128), PAID))
NO = Judgement(score=0.4, supported=False, supports=(LEAVE, PAID, COPY))
FAR = Judgement(score=0.1, supported=False, supports=(Support(1, 0.1, 100, 128),))


def run(draft, judgements):
    """Returns (text shown, claims, codes) of a draft whose claims get these judgements in order."""
    splitter, policy = ClaimSplitter(), QuotePolicy(PASSAGES, threshold=0.5)
    sentences = splitter.feed(draft) + splitter.flush()
    assert len(sentences) == len(judgements)
    decisions = [policy.decide(sentence, judgement) for sentence, judgement in zip(sentences, judgements, strict=True)]
    decisions.append(policy.finish())
    shown = "".join(decision.text for decision in decisions)
    claims = [decision.claim for decision in decisions if decision.claim is not None]
    return shown, claims, [change.code for decision in decisions for change in decision.changes]


def test_flag_changes_nothing_and_cites():
    (sentence,) = ClaimSplitter().feed("Leave is 28 days [1][9].\n")
    claim = flag(sentence, YES, PASSAGES, threshold=0.5)
    assert (claim.start, claim.end, claim.verdict, claim.score, claim.replaced) == (0, 24, Verdict.SUPPORTED, 0.9, False)
    assert [citation.passage for citation in claim.citations] == [1]
    assert flag(sentence, NO, PASSAGES, threshold=0.5).verdict is Verdict.UNSUPPORTED
    assert flag(sentence, None, PASSAGES, threshold=0.5).verdict is Verdict.UNCHECKED


def test_the_drafts_own_verdict_is_kept():
    (sentence,) = ClaimSplitter().feed("Leave is 40 days.\n")
    judged = draft_claim(sentence, NO)
    assert (judged.start, judged.end, judged.verdict, judged.score) == (0, 17, Verdict.UNSUPPORTED, 0.4)


def test_a_supported_claim_keeps_the_markers_that_hold():
    shown, claims, codes = run("Leave is 28 days [1, 9][2].", [YES])
    assert shown == "Leave is 28 days [1]."
    assert codes == [ChangeCode.UNKNOWN_MARKER_REMOVED, ChangeCode.UNSUPPORTED_MARKER_REMOVED]
    assert [(citation.passage, citation.marked) for citation in claims[0].citations] == [(1, True)]


def test_a_supported_claim_without_a_marker_gets_one():
    shown, claims, codes = run("Leave is 28 days.", [YES])
    assert (shown, codes) == ("Leave is 28 days. [1]", [ChangeCode.MARKER_ADDED])
    assert [(citation.passage, citation.marked) for citation in claims[0].citations] == [(1, False)]


def test_an_unsupported_claim_yields_to_the_nearest_quote_and_never_twice():
    shown, claims, codes = run("- Leave is 40 days.\n- It is not paid.\n- Or is it.", [NO, NO, NO])
    assert shown.split("\n") == [
        "- According to “handbook.pdf”, p. 3: “Staff have 28 days of leave.” [1]",
        "- According to “pay.md”: “Leave is paid in full. See.” [2]",
    ]
    assert codes == [ChangeCode.REPLACED_BY_QUOTE, ChangeCode.REPLACED_BY_QUOTE, ChangeCode.DROPPED_UNSUPPORTED]
    assert [claim.replaced for claim in claims] == [True, True]
    assert claims[1].citations[0].quote == "Leave is paid in full. See [3]."


def test_overlapping_spans_are_the_same_quote():
    inner = Judgement(score=0.4, supported=False, supports=(Support(1, 0.4, 110, 140),))
    _, _, codes = run("One is wrong. Two is wrong.", [NO, inner])
    assert codes == [ChangeCode.REPLACED_BY_QUOTE, ChangeCode.DROPPED_UNSUPPORTED]


def test_a_long_quote_is_shortened_at_a_word():
    passages = (make_passage(1, "word " * 200, start=0),)
    (sentence,) = ClaimSplitter().feed("Wrong.\n")
    decision = QuotePolicy(passages, threshold=0.5).decide(sentence, Judgement(0.4, False, (Support(1, 0.4, 0, 1000),)))
    assert decision.text.endswith("word …” [1]")
    assert len(decision.text) < 460


def test_what_has_no_quote_near_enough_is_dropped_and_nothing_left_is_an_abstention():
    shown, claims, codes = run("Sure! Leave is 40 days.", [None, FAR])
    assert shown == ABSTENTION
    assert codes == [ChangeCode.LEFT_OUT, ChangeCode.DROPPED_UNSUPPORTED, ChangeCode.ABSTAINED]
    assert [claim.verdict for claim in claims] == [Verdict.UNCHECKED]
    assert run("Leave is 40 days.", [FAR])[0] == ABSTENTION
    assert run("", [])[0] == ABSTENTION


@pytest.mark.parametrize(
    ("draft", "judgements"), [(ABSTENTION, [None]), ("Leave is 28 days.", [None]), ("Leave is 40. It is paid.", [FAR, YES])]
)
def test_an_answer_that_is_left_gets_no_abstention_added(draft, judgements):
    assert ChangeCode.ABSTAINED not in run(draft, judgements)[2]


def test_an_unknown_marker_leaves_unjudged_text_too():
    shown, claims, codes = run("Leave is 28 days [7].\n[8]", [None, None])
    assert (shown, len(claims), codes) == ("Leave is 28 days.", 1, [ChangeCode.UNKNOWN_MARKER_REMOVED, ChangeCode.LEFT_OUT])


def test_a_change_reads_as_code_and_detail():
    (sentence,) = ClaimSplitter().feed("Wrong.\n")
    (change,) = QuotePolicy(PASSAGES, threshold=0.5).decide(sentence, FAR).changes
    assert str(change) == "dropped_unsupported: the passages do not support draft[0:6], and nothing near it is left to quote"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Leave is 28 days [1].", "- It is [9]", "𝔸 is 👩‍🚀.", "Sure!", "[5]", "休暇。"]),
            st.sampled_from([YES, NO, FAR, None]),
        ),
        max_size=8,
    ),
    st.sampled_from(["\n", "\n\n", " \n"]),
)
def test_offsets_into_the_text_shown_are_exact(parts, gap):
    draft = gap.join(text for text, _ in parts)
    judgements = [judgement if is_checkable(text) else None for text, judgement in parts]
    shown, claims, _ = run(draft, judgements)
    position = 0
    for claim in claims:
        assert not shown[position : claim.start].strip()
        text = shown[claim.start : claim.end]
        assert text == text.strip() != ""
        assert text.startswith(("According to", "- According to")) == claim.replaced
        position = claim.end
    assert position == len(shown)
    quotes = [shown[claim.start : claim.end].removeprefix("- ") for claim in claims if claim.replaced]
    assert len(quotes) == len(set(quotes))


def test_a_heading_is_nothing_to_quote():
    passage = make_passage(1, "Spills\nTell the shift leader at once about every spill.", start=0, context="Safety > Spills")
    heading, rule = Support(1, 0.4, 0, 6), Support(1, 0.35, 7, 55)
    policy = QuotePolicy([passage], threshold=0.5, question="Who hears of a spill?", nearest=[heading, rule])
    (sentence,) = ClaimSplitter().feed("The king.\n")
    assert "Tell the shift leader" in policy.decide(sentence, NO_SUPPORT).text


NO_SUPPORT = Judgement(score=0.1, supported=False, supports=())


def test_what_was_said_is_not_said_again():
    shown, claims, codes = run("Leave is 28 days. Leave is 28 days [1].", [YES, YES])
    assert (shown, len(claims)) == ("Leave is 28 days. [1]", 1)
    assert codes[-1] is ChangeCode.REPEATED
