from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.server_process import ServerProcess

HANDBOOK = Path(__file__).parents[2] / "examples" / "handbook"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all tests that leave it as it is, with a part of the sample collection."""
    data_dir = tmp_path_factory.mktemp("acceptance") / "data"
    with ServerProcess(
        data_dir, "--ingest", str(HANDBOOK / "travel-policy-*"), "--question", "What may a hotel in Poland cost?"
    ) as process:
        yield process
