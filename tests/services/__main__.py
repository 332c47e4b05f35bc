"""Runs the tests that need servers: starts PostgreSQL and an S3-compatible store, hands them to pytest, and stops them.

``make test-services`` calls it. Arguments go to pytest in place of the suites below. Servers of one's own are used where
``FOOTNOTE_TEST_POSTGRES_URL`` and ``FOOTNOTE_TEST_S3_ENDPOINT`` name them.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.services.compose_command import install_compose
from tests.services.moto_process import moto_process
from tests.services.postgres import NoPostgres, PostgresServer, install_binaries

SUITES = (
    "tests/core/catalog",
    "tests/core/test_blobs.py",
    "tests/core/test_orphans.py",
    "tests/core/test_shared_bytes.py",
    "tests/core/test_embedded_stores.py",
    "tests/ingestion/test_worker.py",
    "tests/ingestion/test_worker_life.py",
    "tests/ingestion/test_queue_elsewhere.py",
    "tests/ingestion/test_states.py",
    "tests/serving/test_erasing.py",
    "tests/api",
    "tests/deployment",
    "tests/services",
    "tests/soak/test_two_workers.py",
)
LIMIT_S = 30 * 60
"""Something hangs. On two idle cores it takes a third of that."""
INTERRUPTED = 130
TERMINATED = 143


def main(arguments: Sequence[str]) -> int:
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # so that the servers are stopped
    with ExitStack() as stack:
        try:
            environment = {**os.environ, **_servers(stack)}
        except (NoPostgres, RuntimeError) as error:
            print(f"test-services: {error}", file=sys.stderr)
            return 1
        install_compose()
        print(f"test-services: the servers run after {time.monotonic() - began:.0f} s", flush=True)
        status = _pytest(arguments or _present(SUITES), environment, limit_s=LIMIT_S - (time.monotonic() - began))
    print(f"test-services: {time.monotonic() - began:.0f} s", flush=True)
    return status


def _servers(stack: ExitStack) -> dict[str, str]:
    servers: dict[str, str] = {}
    if "FOOTNOTE_TEST_POSTGRES_URL" not in os.environ:
        servers["FOOTNOTE_TEST_POSTGRES_URL"] = stack.enter_context(PostgresServer(install_binaries())).url()
    if "FOOTNOTE_TEST_S3_ENDPOINT" not in os.environ:
        servers["FOOTNOTE_TEST_S3_ENDPOINT"] = stack.enter_context(moto_process())
    return servers


def _present(suites: Sequence[str]) -> list[str]:
    return [suite for suite in suites if Path(suite).exists()]


def _pytest(arguments: Sequence[str], environment: dict[str, str], *, limit_s: float) -> int:
    process = subprocess.Popen([sys.executable, "-m", "pytest", *arguments], env=environment)
    try:
        return process.wait(timeout=limit_s)
    except subprocess.TimeoutExpired:
        print(f"test-services: broken off after {LIMIT_S / 60:.0f} minutes", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
