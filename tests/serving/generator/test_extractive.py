import pytest

from serving.claims import ABSTENTION
from serving.generator.extractive import ExtractiveGenerator, quote
from tests.serving.generator.contract import GeneratorContract
from tests.serving.passages import make_passage

PASSAGES = (
    make_passage(1, "The canteen opens at noon. Guests pay 9 pounds.", heading="Canteen", context="Canteen"),
    make_passage(2, "Parental leave lasts 26 weeks [4]. It is paid in full.\nSick leave needs a note.", heading="Leave", context="Leave"),
)


class TestExtractiveGenerator(GeneratorContract):
    @pytest.fixture
    def generator(self):
        return ExtractiveGenerator()

    @pytest.fixture
    def too_long(self):
        return None


def test_the_sentence_that_answers_is_quoted_with_its_marker():
    assert quote("How long does parental leave last?", PASSAGES) == "Parental leave lasts 26 weeks. [2]"


def test_a_heading_helps_a_sentence():
    passages = (
        make_passage(1, "It opens at noon.", heading="Library"),
        make_passage(2, "It opens at nine.", heading="Canteen", context="Canteen"),
    )
    assert quote("When does the canteen open?", passages).startswith("It opens at nine. [2]")


def test_what_nothing_matches_is_not_answered():
    assert quote("Who founded the company?", PASSAGES) == ABSTENTION
    assert quote("", PASSAGES) == quote("Who?", ()) == ABSTENTION


def test_the_same_sentence_is_quoted_once():
    passages = (make_passage(1, "Guests pay 9 pounds."), make_passage(2, "Guests  pay 9 pounds."))
    assert quote("What do guests pay?", passages) == "Guests pay 9 pounds. [1]"
