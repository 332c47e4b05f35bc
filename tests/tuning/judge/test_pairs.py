"""What claims made by rule say, which sentences go beside them, and that what is held out stays out."""

import gzip
import json
import random

import pytest

from tuning.judge.alterations import NAME, NUMBER, altered, exchanged, negated
from tuning.judge.evidence import best_sentences
from tuning.judge.pairs import HANDBOOK_TUNING_SOURCES, PUBLIC_SETS, Pair, balanced, is_held_out, made_pairs, public_pairs
from tuning.judge.statements import statement

SENTENCE = "In 2019, the pump was serviced by Anna Berg in Lisbon 12 times, which took 1,500 hours."
NEIGHBOURS = ["The filter was changed by Peter Holm in Bremen.", "It cost 340 euros and lasted until 2021."]


def forms(sentence=SENTENCE, neighbours=NEIGHBOURS, seed=1):
    return {each.kind: each for each in altered(sentence, neighbours, random.Random(seed))}


def test_what_holds_is_said_to_hold():
    made = forms()
    assert {kind for kind, each in made.items() if each.holds} == {"verbatim", "first clause", "without opening", "reworded number"}
    assert made["verbatim"].claim == SENTENCE
    assert made["first clause"].claim == "In 2019, the pump was serviced by Anna Berg in Lisbon 12 times."
    assert made["without opening"].claim.startswith("The pump was serviced")
    assert "1500 hours" in made["reworded number"].claim


@pytest.mark.parametrize("seed", range(5))
def test_a_claim_that_does_not_hold_differs_from_every_one_that_does(seed):
    made = forms(seed=seed).values()
    assert {each.claim for each in made if each.holds}.isdisjoint(each.claim for each in made if not each.holds)


def test_exchanged_numbers_and_names_come_from_the_passage_and_are_of_the_same_sort():
    number = exchanged("It took 12 hours.", NUMBER, NEIGHBOURS, random.Random(1))
    name = exchanged("It was done by Anna Berg there.", NAME, NEIGHBOURS, random.Random(1))
    assert number in {"It took 340 hours.", "It took 2021 hours."}
    assert name in {"It was done by Peter Holm there.", "It was done by Bremen there."}


def test_without_another_number_nothing_is_exchanged():
    assert exchanged("It took 12 hours.", NUMBER, ["It took 12 hours too."], random.Random(1)) is None
    assert exchanged("It took hours.", NUMBER, NEIGHBOURS, random.Random(1)) is None


def test_names_change_places_only_where_that_says_something_else():
    assert forms("The post of Anna Berg went to Peter Holm.", [])["names in each other's place"].claim == (
        "The post of Peter Holm went to Anna Berg."
    )
    assert "names in each other's place" not in forms("The post went to Anna Berg and Peter Holm.", [])


def test_negation_comes_after_the_auxiliary_and_not_twice():
    assert negated("The office is open.") == "The office is not open."
    assert negated("The office is never open.") is None
    assert forms("The office is not open on Sundays.", [])["affirmed"].claim == "The office is open on Sundays."


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("How many points did the defense surrender?", "308", "The defense surrender 308 points."),
        ("Who won the cup?", "Anna Berg", "Anna Berg won the cup."),
        ("What is the name of the pump?", "D40", "The name of the pump is D40."),
        ("Why was it closed?", "rain", "rain: Why was it closed."),
        (r"Who wrote \1?", r"C:\new", r"C:\new wrote \1."),
    ],
)
def test_a_question_and_its_answer_make_a_statement(question, answer, expected):
    assert statement(question, answer) == expected


def test_the_nearest_sentences_are_kept_in_their_order():
    sentences = ["The pump runs.", "Anna Berg opened the Lisbon office.", "Bees fly.", "The Lisbon office has 17 staff."]
    assert best_sentences("How many staff has the Lisbon office of Anna Berg?", sentences, max_words=12) == f"{sentences[1]} {sentences[3]}"


def test_a_sentence_longer_than_the_room_is_cut_and_nothing_gives_nothing():
    assert best_sentences("pump", ["pump " * 50], max_words=10) == ("pump " * 10).strip()
    assert best_sentences("pump", []) == ""


@pytest.fixture
def data(tmp_path):
    """All sets as small files: each with a test split whose claims say so."""

    def write(file, rows):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(gzip.compress("\n".join(json.dumps(row) for row in rows).encode()))

    context = "Anna Berg opened the Lisbon office in {n}. It has 17 staff and a mill. The yard was closed by Peter Holm in 1990."
    for name, (file, split) in PUBLIC_SETS.items():
        write(
            file,
            [
                {"split": part, "context": context.format(n=2000 + n), "answer": f"{part} {name} opened in {2000 + n}.", "label": n % 2}
                for n in range(12)
                for part in (split, "test")
            ],
        )
    write("xquad/en/corpus.jsonl.gz", [{"_id": "p", "text": context.format(n=2001)}])
    write("xquad/en/queries.jsonl.gz", [{"text": "When was the office opened?", "answers": ["2001"], "gold": "p"}])
    write("inscit/corpus.jsonl.gz", [{"_id": f"Office:{n}", "text": context.format(n=n)} for n in (1, 2)])
    labels = [{"type": "directAnswer", "response": "It has 17 staff.", "evidence": ["Office:1"]}]
    write("inscit/queries.jsonl.gz", [{"labels": labels}])
    return tmp_path


@pytest.fixture
def examples(tmp_path):
    folder = tmp_path / "examples"
    for source in HANDBOOK_TUNING_SOURCES:
        (folder / source).parent.mkdir(parents=True, exist_ok=True)
        (folder / source).write_text(
            "# Leave\n\nStaff in Lisbon get 26 days. Staff in Bremen get 28 days. Unused days expire in March.", "utf-8"
        )
    gold = [{"quote": "Staff in Lisbon get 26 days."}]
    questions = [
        {"part": part, "answerable": True, "reference_answer": f"In Lisbon it is 26 days, says {part}.", "gold": gold}
        for part in ("tune", "test")
    ]
    (folder / "handbook-questions.jsonl").write_text("\n".join(json.dumps(row) for row in questions), "utf-8")
    return folder


def test_no_pair_comes_from_a_test_split_or_a_test_question(data, examples):
    pairs = [*public_pairs(data), *made_pairs(data, examples, seed=1)]
    sources = {pair.source for pair in pairs}
    assert {*PUBLIC_SETS, "xquad", "xquad questions", "inscit", "inscit answers", "handbook", "handbook answers"} <= sources
    assert not [pair.claim for pair in pairs if "test" in pair.claim]


def test_the_pairs_of_a_context_are_held_out_together(data, examples):
    pairs = [*public_pairs(data), *made_pairs(data, examples, seed=1)]
    sides = {}
    for pair in pairs:
        sides.setdefault(pair.group, set()).add(is_held_out(pair))
    assert all(len(side) == 1 for side in sides.values())
    assert {True, False} == {is_held_out(pair) for pair in pairs}


def test_the_same_seed_makes_the_same_pairs(data, examples):
    assert made_pairs(data, examples, seed=1) == made_pairs(data, examples, seed=1)
    assert made_pairs(data, examples, seed=1) != made_pairs(data, examples, seed=2)


def test_half_of_what_is_drawn_is_supported_and_small_sources_are_used_up():
    pairs = [Pair("large", "g", f"claim {n}", "e", n % 2) for n in range(100)] + [
        Pair("small", "g", f"other {n}", "e", n % 2) for n in range(6)
    ]
    drawn = balanced(pairs, n=40, seed=1)
    assert len(drawn) == len(set(drawn)) == 40
    assert sum(pair.label for pair in drawn) == 20
    assert sum(pair.source == "small" for pair in drawn) == 6
