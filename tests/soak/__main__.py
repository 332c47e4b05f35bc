"""The long form of the kill test: ``python -m tests.soak --kills 200 --seed 1``."""

import argparse
import random
import tempfile
import time
from pathlib import Path

from tests.soak.documents import mixed_documents
from tests.soak.killing import soak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how often a server is killed (200)")
    parser.add_argument(
        "--seed", type=int, default=time.time_ns() % 1_000_000, help="repeats the moments of a run; by default another each time"
    )
    arguments = parser.parse_args()
    print(f"{arguments.kills} kills, --seed {arguments.seed}", flush=True)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:7.0f} s  {text}", flush=True)

    with tempfile.TemporaryDirectory(prefix="footnote-soak-") as folder:
        soak(Path(folder), mixed_documents(), n_kills=arguments.kills, chance=random.Random(arguments.seed), say=say)


if __name__ == "__main__":
    main()
