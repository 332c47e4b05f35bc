"""Scores of answers on the handbook's questions: answer found, gold passage cited, right abstention, each with its interval.

    python -m bench.answers --part test --json build/answers.json

The handbook is ingested into a fresh data directory by the parts that `footnote serve` runs, and each question goes through the
answering that serves; no judge scores anything. The part `test` is for reporting alone: nothing may be fitted to it.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from evaluation.answered import Answered, spans
from evaluation.cases import Case, read_cases
from evaluation.intervals import Interval, bootstrap_mean
from evaluation.label_metrics import label_values
from evaluation.retrieval_metrics import has_gold, reciprocal_rank
from footnote.cli.wiring import open_services
from footnote.core.catalog.collections import DEFAULT_COLLECTION
from footnote.core.catalog.records import FileCounts
from footnote.core.settings import load_settings
from footnote.core.types import EVERYONE, Caller
from serving.answer import AnswerFinished, Question
from serving.services import Services

EXAMPLES = Path(__file__).parent.parent / "examples"
CALLER = Caller(owner="bench", principals=frozenset({EVERYONE, "owner:bench"}))
METRICS = ("answer_found", "citations", "gold_in_prompt", "abstention")


@dataclass(frozen=True, slots=True)
class Result:
    """One case: what was shown and drafted, and the scores of both."""

    case_id: str
    kind: str
    answerable: bool | None
    abstained: bool
    draft: str
    shown: str
    verdicts: tuple[str, ...]
    scores: dict[str, float]
    total_ms: float


async def main(options: argparse.Namespace) -> None:
    cases = [case for case in read_cases(EXAMPLES / "handbook-questions.jsonl") if case.part == options.part][: options.limit]
    with tempfile.TemporaryDirectory(prefix="footnote-bench-") as folder:
        settings = load_settings({"data_dir": options.data_dir or Path(folder)})
        async with open_services(settings) as services:
            await ingest(services, sorted((EXAMPLES / "handbook").iterdir()))
            results = [await ask(services, case, number, len(cases)) for number, case in enumerate(cases, start=1)]
            report = {"part": options.part, "release": dict(services.release.manifest), "scores": summary(results)}
    print_table(results)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        cases_json = [asdict(result) for result in results]
        options.json.write_text(json.dumps({**report, "cases": cases_json}, ensure_ascii=False, indent=1), encoding="utf-8")


async def ingest(services: Services, paths: Sequence[Path]) -> None:
    for path in paths:
        blob = await services.blobs.put(_bytes_of(path), max_bytes=services.settings.server.max_upload_bytes)
        file = await services.catalog.files.create(
            owner=CALLER.owner,
            filename=path.name,
            purpose="assistants",
            blob_sha256=blob.sha256,
            size_bytes=blob.size_bytes,
            media_type=None,
        )
        await services.catalog.attachments.attach(collection_id=DEFAULT_COLLECTION, file_id=file.id, caller=CALLER)
    services.wake_ingestion()
    while (counts := await _counts(services)).in_progress:
        await asyncio.sleep(0.2)
    if counts.failed:
        raise SystemExit(f"{counts.failed} documents of the handbook failed")


async def _counts(services: Services) -> FileCounts:
    return (await services.catalog.attachments.usage([DEFAULT_COLLECTION], caller=CALLER))[DEFAULT_COLLECTION].counts


async def _bytes_of(path: Path) -> AsyncIterator[bytes]:
    yield path.read_bytes()


async def ask(services: Services, case: Case, number: int, n_cases: int) -> Result:
    began = time.perf_counter()
    finished: AnswerFinished | None = None
    async for event in services.answers.answer(Question(caller=CALLER, text=case.question, history=case.history)):
        if isinstance(event, AnswerFinished):
            finished = event
    assert finished is not None
    turn = finished.turn
    answered = Answered(case=case, turn=turn, passages=finished.passages)
    cited = spans(answered.cited("shown"))
    scores = label_values(case, text=answered.plain_text("shown"), abstained=turn.abstained, cited=cited)
    if has_gold(case):
        scores["gold_in_prompt"] = float(reciprocal_rank(case, spans(finished.passages), k=len(finished.passages)) > 0)
    total_ms = (time.perf_counter() - began) * 1000
    print(f"\r{number}/{n_cases}", end="", flush=True)
    verdicts = tuple(claim.verdict.value for claim in turn.claims)
    return Result(case.id, case.kind, case.answerable, turn.abstained, turn.draft, turn.shown, verdicts, scores, total_ms)


def summary(results: Sequence[Result]) -> dict[str, dict[str, float]]:
    return {metric: asdict(interval) for metric in METRICS if (interval := interval_of(results, metric)) is not None}


def interval_of(results: Sequence[Result], metric: str) -> Interval | None:
    values = [result.scores[metric] for result in results if metric in result.scores]
    return bootstrap_mean(values) if values else None


def print_table(results: Sequence[Result]) -> None:
    kinds = ["all", *sorted({result.kind for result in results})]
    print("\r| questions | " + " | ".join(metric.replace("_", " ") for metric in METRICS) + " |")
    print("|---" * (len(METRICS) + 1) + "|")
    for kind in kinds:
        chosen = [result for result in results if kind in ("all", result.kind)]
        cells = [str(interval_of(chosen, metric) or "–") for metric in METRICS]
        print(f"| {kind} | " + " | ".join(cells) + " |")
    for answerable, name in ((True, "answerable"), (False, "unanswerable")):
        chosen = [result for result in results if result.answerable is answerable]
        if chosen:
            print(f"abstained on {name}: {bootstrap_mean([float(result.abstained) for result in chosen])}")
    print(f"median time of an answer: {statistics.median(result.total_ms for result in results):.0f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("tune", "test"), default="tune")
    parser.add_argument("--limit", type=int, default=None, help="ask so many questions at most")
    parser.add_argument("--data-dir", type=Path, default=None, help="use and keep this data directory instead of a temporary one")
    parser.add_argument("--json", type=Path, default=None, help="write scores and cases to this file")
    asyncio.run(main(parser.parse_args()))
