import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from serving.claims import ABSTENTION, ClaimSplitter, is_abstention, is_advice, is_checkable

ASCII_PIECES = [
    "Dr. ",
    "U.S. ",
    "3.5 ",
    "e.g. ",
    "No. 5 ",
    "Word",
    " word",
    ". ",
    ".",
    "!",
    "?",
    "\n",
    "\n\n",
    "- ",
    "1. ",
    "[1]",
    "[1, 2]",
]
MORE_PIECES = [" [", "]", ",", "1", '"', ")", "**", "\r\n", "\t", "p.m. ", "v2.13.0 "]
UNICODE_PIECES = ["…", "“", "”", "。", "！", "」", "日本", "𝔸𝔹", "👩\u200d🚀", "\u2028", "\u00a0"]
PIECES = st.sampled_from([*ASCII_PIECES, *MORE_PIECES, *UNICODE_PIECES])
DRAFTS = st.one_of(st.lists(PIECES, max_size=40).map("".join), st.text(max_size=60))


def split(draft, *, cuts=()):
    splitter = ClaimSplitter()
    borders = [0, *sorted(min(cut, len(draft)) for cut in cuts), len(draft)]
    claims = [claim for a, b in itertools.pairwise(borders) for claim in splitter.feed(draft[a:b])]
    return claims + splitter.flush()


def texts(draft):
    return [claim.text for claim in split(draft)]


@pytest.mark.parametrize(
    ("draft", "expected"),
    [
        ("One is here. Two is there.", ["One is here.", "Two is there."]),
        ("Leave is 28 days. [1][2] Ask Dr. Smith. [3]", ["Leave is 28 days. [1][2]", "Ask Dr. Smith. [3]"]),
        ("Leave is 28 days.[1, 3] Ask HR.", ["Leave is 28 days.[1, 3]", "Ask HR."]),
        ("Leave is 28 days [1]. Ask HR [2].", ["Leave is 28 days [1].", "Ask HR [2]."]),
        ("It costs 3.5 pounds. Version 2.13.0 is out.", ["It costs 3.5 pounds.", "Version 2.13.0 is out."]),
        ("The answer is no. The rule is old.", ["The answer is no.", "The rule is old."]),
        ("See No. 5 and Fig. 2 there. Fine.", ["See No. 5 and Fig. 2 there.", "Fine."]),
        ("Ask e.g. Anna, or J. Smith of the U.S. Navy. Now.", ["Ask e.g. Anna, or J. Smith of the U.S. Navy.", "Now."]),
        ("It shuts at 5 p.m. The door locks.", ["It shuts at 5 p.m.", "The door locks."]),
        ("Rules:\n1. Lock it.\n2. Report it. Today.\n- a\n- b", ["Rules:", "1. Lock it.", "2. Report it.", "Today.", "- a", "- b"]),
        ("“Stop!” he said. She left…and so on. Then?", ["“Stop!” he said.", "She left…and so on.", "Then?"]),
        ('He said "go." Then left.', ['He said "go."', "Then left."]),
        ("**Yes.** It is.", ["**Yes.**", "It is."]),
        ("休暇は28日です。[1]申請が必要です！", ["休暇は28日です。[1]", "申請が必要です！"]),
        ("𝔸 is 👩‍🚀. 𝔹 is.", ["𝔸 is 👩‍🚀.", "𝔹 is."]),
        ("  \n \t", []),
        ("", []),
        ("No stop at all", ["No stop at all"]),
        ("Broken marker. [1", ["Broken marker.", "[1"]),
        ("A first line.\n[1] Handbook", ["A first line.", "[1] Handbook"]),
    ],
)
def test_splits_as_a_reader_would(draft, expected):
    assert texts(draft) == expected


def test_a_claim_closes_as_soon_as_the_next_one_begins():
    splitter = ClaimSplitter()
    assert splitter.feed("Leave is 28 days. [1]") == []
    assert splitter.feed(" ") == []
    (claim,) = splitter.feed("A")
    assert (claim.start, claim.end, claim.text, claim.gap) == (0, 21, "Leave is 28 days. [1]", "")
    (last,) = splitter.flush()
    assert (last.start, last.end, last.text, last.gap) == (22, 23, "A", " ")
    assert splitter.flush() == []


def test_a_line_break_closes_at_once():
    splitter = ClaimSplitter()
    assert [claim.text for claim in splitter.feed("A heading\n")] == ["A heading"]


@given(DRAFTS, st.lists(st.integers(0, 200), max_size=8))
@example("One. [1", [3, 6])
@example("A.”) [1] [2]\nB", [2, 4])
def test_pieces_do_not_matter(draft, cuts):
    assert split(draft, cuts=cuts) == split(draft) == split(draft, cuts=range(len(draft)))


@given(DRAFTS)
def test_claims_cover_the_draft_in_order(draft):
    position = 0
    for claim in split(draft):
        assert claim.gap == draft[position : claim.start]
        assert not claim.gap.strip()
        assert claim.text == draft[claim.start : claim.end] == claim.text.strip() != ""
        position = claim.end
    assert not draft[position:].strip()


@given(DRAFTS, st.integers(0, 200))
def test_a_closed_claim_never_changes(draft, cut):
    splitter = ClaimSplitter()
    closed = splitter.feed(draft[:cut])
    assert split(draft)[: len(closed)] == closed


@pytest.mark.parametrize(
    "text",
    [
        "Leave is 28 days. [1]",
        "28 days.",
        "Paris.",
        "- Lock the door.",
        "Sure, the limit is 40 pounds.",
        "Yes, managers approve each trip above that limit in writing first.",
        "Yes, staff may smoke indoors.",
        "No, leave is never carried over.",
        "Sorry, staff get no leave.",
        "**28 days**",
        "**Staff get forty days of leave.**",
        "The documents do not mention breakfast, but a hotel may cost 900 crowns.",
    ],
)
def test_checkable(text):
    assert is_checkable(text)


@pytest.mark.parametrize(
    "text",
    [
        "[1][2]",
        "…",
        "- ",
        "## Leave",
        "**Leave**",
        "**Leave:**",
        "The rules are as follows:",
        "Is there anything else?",
        "Sure!",
        "Hello, and thanks for asking.",
        "I hope that helps!",
        "Let me know if you have any other questions.",
        "Here is the answer.",
        ABSTENTION,
        "The documents do not say. [2]",
        "Unfortunately, the passages don't contain information about it.",
        "I don't know.",
    ],
)
def test_not_checkable(text):
    assert not is_checkable(text)


@pytest.mark.parametrize(
    "text", [ABSTENTION, "- The documents do not say who.", "Sorry, but the provided documents do not mention it.", "I cannot answer this."]
)
def test_abstention(text):
    assert is_abstention(text)


@pytest.mark.parametrize(
    "text",
    [
        "Please contact HR for help.",
        "- You may want to ask your manager.",
        "You might also check the intranet.",
        "Let me know if I can help with anything else.",
        "If you need further details, feel free to ask.",
        "For the exact date, please visit our website.",
        "I'd recommend reaching out to the office.",
        "We suggest that you consult the contract.",
        "It would be best to speak to a lawyer.",
        "Ask your manager.",
        "I’m happy to help with other questions.",
    ],
)
def test_advice(text):
    assert is_advice(text)


@pytest.mark.parametrize(
    "text",
    [
        "Leave is 28 days.",
        "You may carry leave over.",
        "You will need to pay a fee.",
        "You can ask for part-time work.",
        "Please note that leave is never carried over.",
        "Please contact HR. [1]",
        "Please contact HR within 14 days.",
        "If you are ill, contact your manager.",
        "Contact lenses are paid for.",
        "Asking costs nothing.",
    ],
)
def test_no_advice(text):
    assert not is_advice(text)


@pytest.mark.parametrize(
    "text",
    ["Staff do not say when they leave.", "I don't know the rule, however dinner is free.", "The documents must be signed.", "I know."],
)
def test_no_abstention(text):
    assert not is_abstention(text)
