"""Commands and health checks of our services, taken out of docker-compose.yml and run as processes until they are healthy.

What is elsewhere in production is embedded here: SQLite, Qdrant Edge, and quotations in place of a model. `make test-services` runs the
same on PostgreSQL.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.server_process import ServerProcess, environment
from tests.databases import PostgresDatabases
from tests.deployment.compose_file import GIVEN, compose
from tests.ports import free_port
from tests.services.qdrant_stand_in import stand_in_process

SERVICES = compose(GIVEN)["services"]
ELSEWHERE = ("FOOTNOTE_CATALOG__", "FOOTNOTE_INDEX__", "FOOTNOTE_GENERATOR__", "FOOTNOTE_BLOBS__")
HEALTHY_S = 120


def environment_of(name: str, data_dir: Path, **settings: str) -> dict[str, str]:
    """Return the service's environment with the stores that this machine has."""
    own = {key: value for key, value in SERVICES[name]["environment"].items() if not key.startswith(ELSEWHERE)}
    return {**environment(data_dir), **own, "FOOTNOTE_SERVER__HOST": "127.0.0.1", "FOOTNOTE_SERVER__PORT": "0", **settings}


def command(words: list[str]) -> list[str]:
    return [str(Path(sys.executable).with_name(words[0])), *words[1:]]


def check(name: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    first, *words = SERVICES[name]["healthcheck"]["test"]
    assert first == "CMD"
    return subprocess.run(command(words), env=environment, capture_output=True, text=True, check=False, timeout=60)


@contextmanager
def running(name: str, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(command(SERVICES[name]["command"]), env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_until_healthy(name: str, environment: dict[str, str], process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + HEALTHY_S
    while (checked := check(name, environment)).returncode != 0:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, f"{checked.stderr}\n{log.read_text()}"


def test_the_api_becomes_healthy_and_ends_when_it_is_asked_to(tmp_path: Path):
    settings = environment_of("api", tmp_path / "data")
    unborn = check("api", settings)
    assert (unborn.returncode, "No server that is ready" in unborn.stderr) == (1, True)
    with running("api", settings, tmp_path / "log") as process:
        wait_until_healthy("api", settings, process, tmp_path / "log")
        process.send_signal(signal.SIGTERM)
        grace_s = float(SERVICES["api"]["stop_grace_period"].removesuffix("s"))
        assert process.wait(timeout=grace_s) == 0
    assert check("api", settings).returncode == 1
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_the_check_says_which_part_is_not_ready(tmp_path: Path):
    away = {"FOOTNOTE_GENERATOR__KIND": "openai", "FOOTNOTE_GENERATOR__BASE_URL": "http://127.0.0.1:9/v1", "FOOTNOTE_GENERATOR__MODEL": "m"}
    with ServerProcess(tmp_path / "data", **away):
        checked = check("api", environment_of("api", tmp_path / "data"))
    assert checked.returncode == 1
    assert "generator: " in checked.stderr
    assert len(checked.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["worker", "worker-gpu"])
def test_the_worker_becomes_healthy_and_ends_when_it_is_asked_to(name: str, tmp_path: Path, worker_stores: dict[str, str]):
    settings = environment_of(name, tmp_path / "data", **worker_stores, FOOTNOTE_EMBEDDER__DEVICE="cpu")
    settings.pop("FOOTNOTE_SERVER__KEYS", None)
    assert check(name, settings).returncode == 1
    with running(name, settings, tmp_path / "log") as process:
        wait_until_healthy(name, settings, process, tmp_path / "log")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=float(SERVICES[name]["stop_grace_period"].removesuffix("s"))) == 0
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.fixture
def worker_stores(postgres_databases: PostgresDatabases, tmp_path: Path) -> Iterator[dict[str, str]]:
    """What a worker shares with the server: a catalog on PostgreSQL, an index on a server, a folder of blobs."""
    (tmp_path / "data" / "blobs").mkdir(parents=True)
    catalog = postgres_databases.create(tmp_path)
    with stand_in_process(free_port()) as qdrant:
        yield {
            "FOOTNOTE_CATALOG__URL": catalog,
            "FOOTNOTE_INDEX__KIND": "qdrant",
            "FOOTNOTE_INDEX__URL": qdrant,
            "FOOTNOTE_INDEX__GRPC": "false",
        }
    postgres_databases.drop(catalog)
