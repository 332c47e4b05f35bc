"""The program of a caged process: reads requests from one pipe, and answers on another, until the server is gone or ends it.

    python -m ingestion.cage.child REQUESTS ANSWERS LIFELINE SETTINGS

The first three are open file descriptors, the last is JSON. What libraries print to standard output goes where the log goes.
"""

import json
import os
import sys
from typing import BinaryIO

from ingestion.cage.confinement import confine, die_with
from ingestion.cage.limits import CageLimits


def main() -> None:
    requests, answers, lifeline = map(int, sys.argv[1:4])
    settings = json.loads(sys.argv[4])
    die_with(lifeline)
    os.dup2(2, 1)
    os.environ["OMP_NUM_THREADS"] = os.environ["OMP_THREAD_LIMIT"] = "1"  # the cores belong to the encoder
    unconfined = confine(CageLimits(**settings["limits"]))
    with os.fdopen(requests, "rb") as source, os.fdopen(answers, "wb") as target:
        _serve(source, target, unconfined=unconfined, log_level=settings["log_level"])


def _serve(source: BinaryIO, target: BinaryIO, *, unconfined: tuple[str, ...], log_level: str) -> None:
    # spaCy's machinery loads torch where it is installed, for models that footnote has not: a second, and 180 MB in each parser.
    sys.modules["torch"] = None  # pyright: ignore[reportArgumentType] - what Python itself takes for "not installed"
    # Loaded here: under the limits, outside the network, and before "ready", with which the first document's time begins.
    from footnote.core.settings import TelemetrySettings  # noqa: PLC0415
    from footnote.core.telemetry.logs import configure_logging  # noqa: PLC0415
    from ingestion.cage.answering import answer  # noqa: PLC0415
    from ingestion.cage.frames import Ready, packed, read_frame  # noqa: PLC0415

    # structlog's own default would write to standard output.
    configure_logging(TelemetrySettings.model_validate({"log_level": log_level}))
    goes_on = True
    target.write(packed(Ready(unconfined=unconfined)))
    target.flush()
    while goes_on and (request := read_frame(source)) is not None:
        goes_on = answer(request, source=source, target=target)


if __name__ == "__main__":
    main()
