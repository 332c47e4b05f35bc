"""The short form: five kills. ``make soak`` has the long one."""

import random
from pathlib import Path

import pytest

from tests.soak.documents import mixed_documents
from tests.soak.killing import soak


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_documents_survive_a_server_that_is_killed_at_random_moments(tmp_path: Path):
    documents = mixed_documents()
    assert len(documents) == 60
    said: list[str] = []
    soak(tmp_path, documents, n_kills=5, chance=random.Random(20), say=said.append)
    assert len(said) == 2
