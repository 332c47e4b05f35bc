"""Which live turns are looked at: each at most once, the same for the same seed, what people said before what the judge did."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from evaluation.live_sample import STRATA, SampledTurn, sample_turns
from footnote.core.catalog.evaluation_records import LiveTurn

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def turn(name: str, *, minutes: int = 0, unsupported: float | None = None, rating=None, is_corrected=False, abstained=False) -> LiveTurn:
    return LiveTurn(
        id=name,
        owner="ann",
        release_id="rel_1",
        asked_at=NOON + timedelta(minutes=minutes),
        collection_ids=(),
        abstained=abstained,
        unsupported=unsupported,
        rating=rating,
        is_corrected=is_corrected,
    )


def names(sample: tuple[SampledTurn, ...], stratum: str) -> set[str]:
    return {each.turn.id for each in sample if each.stratum == stratum}


def test_each_stratum_takes_what_fits_it_and_a_turn_that_fits_several_stands_in_the_first():
    turns = [
        turn("all", is_corrected=True, rating="down", unsupported=1.0, abstained=True),
        turn("down", rating="down", unsupported=1.0),
        turn("low", unsupported=0.5, abstained=True),
        turn("abstained", unsupported=0.49, abstained=True),
        turn("fine", rating="up", unsupported=0.0),
        turn("unjudged"),
    ]
    sample = sample_turns(turns, sizes=dict.fromkeys(STRATA[1:], 9), seed=1)
    assert {each.turn.id: each.stratum for each in sample} == {
        "all": "correction",
        "down": "thumbs_down",
        "low": "low_support",
        "abstained": "abstention",
    }


def test_low_support_is_taken_worst_first():
    turns = [turn(f"t{n}", unsupported=n / 10) for n in range(11)]
    assert names(sample_turns(turns, sizes={"low_support": 3}, seed=1), "low_support") == {"t10", "t9", "t8"}


def test_the_random_stratum_is_drawn_from_all_turns_whatever_the_others_want():
    turns = [turn(f"t{n}", rating="down" if n % 4 == 0 else None) for n in range(400)]
    drawn = Counter[bool]()
    for seed in range(20):
        sample = sample_turns(turns, sizes={"random": 100, "thumbs_down": 50}, seed=seed)
        drawn.update(int(name[1:]) % 4 == 0 for name in names(sample, "random"))
        assert len(names(sample, "thumbs_down")) == 50
    assert 0.2 < drawn[True] / drawn.total() < 0.3, "a quarter of all turns got a thumb down, and of the sample"


def test_another_seed_draws_other_turns_and_later_turns_change_little():
    turns = [turn(f"t{n}") for n in range(200)]
    first, second = (names(sample_turns(turns, sizes={"random": 20}, seed=seed), "random") for seed in (1, 2))
    assert first != second
    longer = names(sample_turns([*turns, *(turn(f"u{n}") for n in range(20))], sizes={"random": 20}, seed=1), "random")
    assert len(first & longer) >= 14
    assert not longer - first - {f"u{n}" for n in range(20)}, "only turns that came later take a place"


live_turns = st.lists(
    st.builds(
        turn,
        st.text("abc", min_size=1, max_size=4),
        minutes=st.integers(0, 3),
        unsupported=st.none() | st.floats(0, 1),
        rating=st.sampled_from([None, "up", "down"]),
        is_corrected=st.booleans(),
        abstained=st.booleans(),
    ),
    max_size=20,
    unique_by=lambda each: each.id,
)


@given(live_turns, st.dictionaries(st.sampled_from(STRATA), st.integers(0, 5)), st.integers(0, 9), st.randoms())
def test_no_turn_is_taken_twice_and_the_order_of_the_turns_does_not_matter(turns, sizes, seed, random):
    sample = sample_turns(turns, sizes=sizes, seed=seed)
    assert len({each.turn.id for each in sample}) == len(sample)
    assert all(n <= sizes.get(stratum, 0) for stratum, n in Counter(each.stratum for each in sample).items())
    assert [(each.turn.asked_at, each.turn.id) for each in sample] == sorted((each.turn.asked_at, each.turn.id) for each in sample)
    random.shuffle(turns)
    assert sample_turns(turns, sizes=sizes, seed=seed) == sample
