"""What calibration learns from must be what it says it is."""

import pytest

from bench.altered_claims import altered_claims

CONTEXT = "The Berlin office is led by Anna Berg and has 1,250 staff since 2011."
OTHER = "Nothing is known about the branch that Peter Holm may open in Lisbon."


def claims(seed: int = 1) -> dict[tuple[str, str], str]:
    return {(made.context, made.kind): made.claim for made in altered_claims([CONTEXT, OTHER], seed=seed)}


def test_verbatim_is_a_sentence_and_alone_supported():
    made = list(altered_claims([CONTEXT, OTHER], seed=1))
    assert {(each.kind, each.label) for each in made} == {("verbatim", 1), ("number", 0), ("name", 0), ("negated", 0)}
    assert claims()[CONTEXT, "verbatim"] == CONTEXT


def test_one_number_changes_and_keeps_its_form():
    changed = claims()[CONTEXT, "number"]
    differing = [(old, new) for old, new in zip(CONTEXT, changed, strict=True) if old != new]
    assert differing
    assert all(old.isdigit() and new.isdigit() for old, new in differing)


def test_a_name_comes_from_elsewhere():
    changed = claims()[CONTEXT, "name"]
    assert changed != CONTEXT
    assert any(name in changed for name in ("Peter", "Holm", "Lisbon"))


def test_a_negation_follows_the_auxiliary_and_what_is_negated_is_left():
    assert claims()[CONTEXT, "negated"] == CONTEXT.replace("is led", "is not led")
    assert (OTHER, "negated") not in claims()


@pytest.mark.parametrize(
    ("sentence", "affirmed"),
    [
        ("Visitors may not park in the yard.", "Visitors may park in the yard."),
        ("Visitors cannot park in the yard.", "Visitors can park in the yard."),
        ("Visitors don't park in the yard.", "Visitors do park in the yard."),
    ],
)
def test_a_negation_is_taken_away(sentence: str, affirmed: str):
    made = {each.kind: each.claim for each in altered_claims([sentence], seed=1)}
    assert made["affirmed"] == affirmed
    assert "negated" not in made


def test_the_same_seed_gives_the_same_claims():
    assert claims(seed=7) == claims(seed=7)
