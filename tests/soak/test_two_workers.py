import random
from pathlib import Path

import pytest

from tests.databases import PostgresDatabases
from tests.soak.documents import mixed_documents
from tests.soak.killing import undisturbed
from tests.soak.two_workers import lose_a_worker


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_a_worker_that_is_lost_for_good_held_is_finished_by_the_other(tmp_path: Path, postgres_databases: PostgresDatabases):
    documents = mixed_documents()
    expected = undisturbed(tmp_path / "undisturbed" / "data", documents)
    url = postgres_databases.create_empty(tmp_path)
    (tmp_path / "cluster").mkdir()
    said: list[str] = []
    ended = lose_a_worker(tmp_path / "cluster", documents, postgres_url=url, chance=random.Random(7), say=said.append)
    postgres_databases.drop(url)
    assert ended == expected
    assert len(said) == 1
