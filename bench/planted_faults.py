"""Faults planted in a running system: does the report of the next run name them? And what does it say where there is none?

    python -m bench.planted_faults --data DIR --runs 20

The sample handbook is ingested once. All questions of its set are asked of the pipeline that serves, with a generator that quotes and, as a
model that draws its words, overlooks other passages in each run; the judge, the scores and the reports are those of every run. A sound
system is run ``--runs`` times, each compared with the one before: whatever those reports find to have moved is a false alarm. Then each
faulty system is run once after a sound one. At last live sets: people ask about the handbook on two days, and on a third half of them ask
about something else.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.answers import CALLER, EXAMPLES, ingest
from bench.faulty_systems import FAULTS, HalfSearcher, WaveringGenerator
from bench.public_data import add_data_option, read_json_lines
from evaluation.cases import Case, read_cases
from evaluation.report.body import ReportBody, body_from_json
from evaluation.running import RunConfiguration
from evaluation.sets import import_cases, import_live_turns
from footnote.cli.wiring import Answering, Stores, create_answering, open_services, open_stores, run_parts
from footnote.core.attention import Attention
from footnote.core.catalog.moment import now
from footnote.core.data_directory import DataDirectory
from footnote.core.settings import Settings, load_settings
from footnote.core.telemetry import Telemetry
from retrieval.embedder.factory import create_embedder
from retrieval.embedder.port import Embedder
from retrieval.search import Searcher
from serving.answer import Question

SET = "handbook"
EXPECTED = {
    "invents": "invents",
    "cites_wrong": "cites_wrong_passage",
    "never_abstains": "never_declines",
    "half a retriever": "retrieval_cut_short",
    "other questions": "questions_drifted",
}


@dataclass(frozen=True, slots=True)
class System:
    """What is asked: a seed for what its generator overlooks, and what is wrong with it."""

    seed: int
    fault: str | None = None
    searcher: type[Searcher] = Searcher


class Laboratory:
    """A handbook that has been read, and systems that answer from it."""

    def __init__(self, settings: Settings, stores: Stores, embedder: Embedder) -> None:
        self._settings = settings
        self._stores = stores
        self._embedder = embedder

    async def asked(self, cases: Sequence[Case], system: System) -> ReportBody:
        """Run a system over cases and return the report."""
        imported = await import_cases(self._stores.catalog, cases, name=SET, caller=CALLER)
        return await self._run(await self._answering(system), set_id=imported.set.id, n_cases=len(cases))

    async def lived(self, questions: Sequence[str], system: System) -> ReportBody:
        """Ask a system questions as people do, make a live set of its answers, and return the report of that."""
        began = now()
        answering = await self._answering(system)
        answerer = answering.answerer(1)
        for question in questions:
            async for _ in answerer.answer(Question(caller=CALLER, text=question)):
                pass
        sizes = {"random": len(questions)}
        sampled = await import_live_turns(self._stores.catalog, name="live", since=began, until=now(), sizes=sizes, seed=0, caller=CALLER)
        assert sampled is not None
        return await self._run(answering, set_id=sampled.set.id, n_cases=len(questions))

    async def _answering(self, system: System) -> Answering:
        catalog, telemetry = self._stores.catalog, Telemetry()
        return await create_answering(
            self._settings,
            stores=self._stores,
            embedder=self._embedder,
            generator=WaveringGenerator(seed=system.seed, fault=system.fault),
            searcher=system.searcher(spaces=self._stores.spaces, catalog=catalog, settings=self._settings.retrieval, telemetry=telemetry),
            telemetry=telemetry,
            release_of=catalog.releases.ensure_champion,
        )

    async def _run(self, answering: Answering, *, set_id: str, n_cases: int) -> ReportBody:
        catalog = self._stores.catalog
        run = await catalog.evaluation_runs.create(
            set_id=set_id,
            release_id=answering.release.id,
            caller=CALLER,
            configuration=RunConfiguration(principals=tuple(sorted(CALLER.principals)), n_cases=n_cases).as_json(),
        )
        async with run_parts(
            self._settings, stores=self._stores, embedder=self._embedder, answering=answering, attention=Attention()
        ) as parts:
            await parts.runner.run(run.id)
            report = await parts.reporter.report(run.id)
            await catalog.evaluation_runs.finish(run.id)
            return body_from_json(report.body)


async def main(options: argparse.Namespace) -> None:
    handbook = read_cases(EXAMPLES / "handbook-questions.jsonl")[: options.limit]
    with tempfile.TemporaryDirectory(prefix="footnote-bench-") as folder:
        settings = load_settings({"data_dir": options.data_dir or Path(folder), "generator": {"kind": "extractive"}})
        if options.data_dir is None or not options.data_dir.exists():
            async with open_services(settings) as services:
                await ingest(services, sorted((EXAMPLES / "handbook").iterdir()))
        async with AsyncExitStack() as stack:
            directory = DataDirectory(settings.data_dir)
            stack.enter_context(directory.owned())
            embedder = await create_embedder(settings.embedder)
            stack.push_async_callback(embedder.close)
            laboratory = Laboratory(settings, await open_stores(stack, settings, directory=directory, embedder=embedder), embedder)
            await against_itself(laboratory, handbook, n_runs=options.runs)
            await with_faults(laboratory, handbook, seed=options.runs)
            await with_other_questions(laboratory, handbook, strange_questions(options.data), seed=options.runs)


async def against_itself(laboratory: Laboratory, cases: Sequence[Case], *, n_runs: int) -> None:
    alarms: Counter[str] = Counter()
    n_alarmed = 0
    for number in range(n_runs + 1):
        body = await timed(f"sound run {number}", laboratory.asked(cases, System(seed=number)))
        if number == 0:
            standing = {finding.code for finding in body.findings}
            print("standing findings of the sound system:", sorted(standing) or "none")
            continue
        found = moved(body)
        n_alarmed += bool(found)
        alarms.update(found)
    print(f"\nThe same system against itself: {n_alarmed} of {n_runs} reports raise an alarm {dict(alarms)}\n")
    print("| score | n | smallest visible |\n| --- | --- | --- |")
    for each in body.comparison.differences if body.comparison is not None else ():
        if each.detectable is not None:
            print(f"| {each.metric} ({each.target}) | {each.n} | {each.detectable:.3f} |")


async def with_faults(laboratory: Laboratory, cases: Sequence[Case], *, seed: int) -> None:
    systems = {name: System(seed=seed + 1, fault=name) for name in FAULTS} | {
        "half a retriever": System(seed=seed + 1, searcher=HalfSearcher)
    }
    print("\n| planted | named | all that moved | recommended |\n| --- | --- | --- | --- |")
    for name, system in systems.items():
        await timed("a sound run", laboratory.asked(cases, System(seed=seed)))
        print_row(name, await timed(name, laboratory.asked(cases, system)))


async def with_other_questions(laboratory: Laboratory, cases: Sequence[Case], strange: Sequence[str], *, seed: int) -> None:
    """Have people ask about the handbook on one day, and on the next a half of them about something else."""
    questions = [case.question for case in cases if not case.history]
    random.Random(seed).shuffle(questions)
    first, second = questions[: len(questions) // 2], questions[len(questions) // 2 :]
    others = [*second[: len(second) // 2], *strange[: len(second) // 2]]
    for name, asked in (("live", first), ("live again", second), ("other questions", others)):
        body = await timed(name, laboratory.lived(asked, System(seed=seed)))
        if name != "live":
            print_row(name, body)


def strange_questions(data: Path) -> list[str]:
    """Return questions about what the handbook does not speak of."""
    return [row["text"] for row in read_json_lines(data / "xquad" / "en" / "queries.jsonl.gz")]


def moved(body: ReportBody) -> dict[str, Mapping[str, float]]:
    """Return the findings that say that something changed since the run before: those that are there in each run say so of none."""
    return {finding.code: finding.numbers for finding in body.findings if "before" in finding.numbers or "p_value" in finding.numbers}


def print_row(name: str, body: ReportBody) -> None:
    found, wanted = moved(body), EXPECTED.get(name)
    numbers = {key: round(value, 4) for key, value in found.get(wanted or "", {}).items()}
    named = "nothing planted" if wanted is None else f"yes: {json.dumps(numbers)}" if wanted in found else "NO"
    print(f"| {name} | {named} | {', '.join(found) or 'nothing'} | {body.recommendation.action} |")


async def timed(name: str, asking):  # noqa: ANN001, ANN201 - a coroutine, and what it returns
    began = time.perf_counter()
    result = await asking
    print(f"<!-- {name}: {time.perf_counter() - began:.0f} s -->", flush=True)
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--limit", type=int, default=None, help="cases at most")
    parser.add_argument("--data-dir", type=Path, default=None, help="keep the data here")
    asyncio.run(main(parser.parse_args()))
