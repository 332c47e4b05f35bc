import pytest

from footnote.cli.api_objects import Collection
from footnote.cli.collection_choice import find_collection
from footnote.cli.failure import CommandFailed

PLACES = [Collection(id="vs_1", name="contracts"), Collection(id="vs_2", name="twice"), Collection(id="vs_3", name="twice")]


def test_a_collection_is_found_by_name_and_by_id():
    assert find_collection(PLACES, "contracts") == PLACES[0]
    assert find_collection(PLACES, "vs_3") == PLACES[2]
    assert find_collection(PLACES, "nothing") is None


def test_an_id_counts_before_a_name_that_reads_the_same():
    impostor = Collection(id="vs_9", name="vs_1")
    assert find_collection([impostor, *PLACES], "vs_1") == PLACES[0]


def test_a_name_that_two_have_asks_for_the_id():
    with pytest.raises(CommandFailed, match="vs_2, vs_3"):
        find_collection(PLACES, "twice")
