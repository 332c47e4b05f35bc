"""Ingestion end to end, against the parser called directly plus the raw encoder on the same chunks.

    python -m bench.ingestion --data DIR
    python -m bench.ingestion --data DIR --parts small --files 200 --rounds 1

Parts: ``small`` (1,000 generated files of a page), ``long`` (the same pages as one file), ``filings`` (the 20 of kgrag_sec10q), ``soon``
(from upload to searchable, a PDF of ten pages), ``questions`` (their p95 while a bulk upload runs, to an idle server). Each measured
ingestion is a process of its own, from an empty data directory; its time goes from the first job's begin to the last one's end. Both sides
of a ratio are taken in turns.
"""

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer

from bench.public_data import add_data_option
from bench.questions_under_load import questions_under_load, upload_to_searchable
from bench.small_files import write_long_file, write_small_files
from footnote.cli.wiring import open_services
from footnote.core.blobs.folder import FolderBlobStore
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.collections import DEFAULT_COLLECTION
from footnote.core.catalog.database import sqlite_url
from footnote.core.data_directory import DataDirectory
from footnote.core.settings import EmbedderSettings, IngestionSettings, load_settings
from footnote.core.types import EVERYONE, Caller, ChunkingRecipe
from ingestion.chunking import chunk, windows
from ingestion.cleaning import clean
from ingestion.parsing import ParsingLimits, parse
from retrieval.embedder.factory import create_embedder
from retrieval.embedder.model_source import model_folder

CALLER = Caller(owner="local", principals=frozenset({EVERYONE, "owner:local"}))
RAW_BATCH_SIZE = 32
PARTS = ("small", "long", "filings", "soon", "questions")


def main(options: argparse.Namespace) -> None:
    if options.child:
        action = {"ingest": ingest, "apart": apart}[options.child]
        print(json.dumps(asyncio.run(action(sorted(options.files_in.iterdir())))))
        return
    with tempfile.TemporaryDirectory(prefix="footnote-ingestion-") as folder:
        small = Path(folder) / "small"
        write_small_files(small, options.files)
        write_long_file(Path(folder) / "long", options.files)
        parts: dict[str, Callable[[], None]] = {
            "small": lambda: compare(f"{options.files} files of a page", small, rounds=options.rounds),
            "long": lambda: compare(f"one file of {options.files} pages", Path(folder) / "long", rounds=options.rounds),
            "filings": lambda: compare("20 filings", options.data / "kgrag_sec10q" / "docs", rounds=options.rounds),
            "soon": lambda: upload_to_searchable(rounds=options.rounds),
            "questions": lambda: questions_under_load(small),
        }
        for part in options.parts:
            parts[part]()


def compare(name: str, files_in: Path, *, rounds: int) -> None:
    """Print one line: documents/s and chunks/s end to end, their ratio to the parts alone, and the most memory taken."""
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    for number in range(rounds):
        for action in ("ingest", "apart") if number % 2 == 0 else ("apart", "ingest"):
            (ours if action == "ingest" else theirs).append(child(action, files_in))
    ratios = [apart_["seconds"] / ours_["seconds"] for ours_, apart_ in zip(ours, theirs, strict=True)]
    seconds = statistics.median(each["seconds"] for each in ours)
    first, other = ours[0], theirs[0]
    if first["chunks"] != other["chunks"]:
        print(f"chunks differ: {first['chunks']} and {other['chunks']}")
    parse_s, encode_s = (statistics.median(each[part] for each in theirs) for part in ("parse_s", "encode_s"))
    peak_mb, parser_peak_mb = (max(each[part] for each in ours) for part in ("peak_mb", "parser_peak_mb"))
    print(f"{name}: {first['documents'] / seconds:.2f} documents/s, {first['chunks'] / seconds:.1f} chunks/s ({seconds:.1f} s)")
    print(f"  apart: parser {parse_s:.1f} s + encoder {encode_s:.1f} s")
    print(f"  ratio {statistics.median(ratios):.2f} ({', '.join(f'{ratio:.2f}' for ratio in ratios)})")
    cpu_ms, parser_cpu_ms = (
        statistics.median(1000 * each[part] / each["documents"] for each in ours) for part in ("cpu_s", "parser_cpu_s")
    )
    print(f"  CPU for a document {cpu_ms:.0f} ms, encoding included, and {parser_cpu_ms:.0f} ms of the parsers")
    print(f"  peak {peak_mb:.0f} MB, parser {parser_peak_mb:.0f} MB", flush=True)


def child(action: str, files_in: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.ingestion", "--child", action, "--files-in", str(files_in)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


async def ingest(paths: Sequence[Path]) -> dict[str, float]:
    """Bring files into an empty data directory, and read off the catalog how long their jobs took."""
    with tempfile.TemporaryDirectory(prefix="footnote-ingest-") as folder:
        overrides = {"data_dir": folder, "generator": {"kind": "extractive"}, "telemetry": {"log_level": "error"}}
        directory = DataDirectory(Path(folder))
        directory.create()
        job_ids = await attach_all(directory, paths)
        async with open_services(load_settings(overrides)) as services:
            began = resource.getrusage(resource.RUSAGE_SELF)
            while await services.catalog.jobs.n_open():
                await asyncio.sleep(0.2)
            ended = resource.getrusage(resource.RUSAGE_SELF)
            jobs = [await services.catalog.jobs.get(job_id) for job_id in job_ids]
        failed = [job.error_message for job in jobs if job.state != "completed"]
        if failed:
            print(f"{len(failed)} jobs failed, such as: {failed[0]}", file=sys.stderr)
    seconds = max(job.finished_at for job in jobs) - min(job.started_at for job in jobs)  # type: ignore[type-var]
    return {
        "documents": len(jobs),
        "chunks": sum(job.counts.get("chunks", 0) for job in jobs),
        "seconds": seconds.total_seconds(),
        "cpu_s": cpu_s(ended) - cpu_s(began),
        "parser_cpu_s": cpu_s(resource.getrusage(resource.RUSAGE_CHILDREN)),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "parser_peak_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }


def cpu_s(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime


async def attach_all(directory: DataDirectory, paths: Sequence[Path]) -> list[str]:
    """Store and attach files while no worker runs; return their jobs."""
    catalog, blobs = Catalog(sqlite_url(directory.catalog)), FolderBlobStore(directory.blobs)
    await catalog.open(default_principals=(EVERYONE,))
    await blobs.open()
    job_ids: list[str] = []
    for path in paths:
        blob = await blobs.put(stream(path), max_bytes=10**9)
        file = await catalog.files.create(
            owner=CALLER.owner,
            filename=path.name,
            purpose="assistants",
            blob_sha256=blob.sha256,
            size_bytes=blob.size_bytes,
            media_type=None,
        )
        job_ids.append((await catalog.attachments.attach(collection_id=DEFAULT_COLLECTION, file_id=file.id, caller=CALLER)).job.id)
    await catalog.close()
    return job_ids


async def stream(path: Path) -> AsyncIterator[bytes]:
    yield path.read_bytes()


async def apart(paths: Sequence[Path]) -> dict[str, float]:
    """Parse and clean one file after the other, then embed all their chunks with plain sentence-transformers; cutting is not timed."""
    settings = IngestionSettings()
    limits = ParsingLimits(
        max_pages=settings.max_pages, max_text_chars=settings.max_text_chars, max_expanded_bytes=settings.max_expanded_bytes
    )
    embedder = await create_embedder(EmbedderSettings())
    facts = (await embedder.health()).facts
    raw = SentenceTransformer(
        str(model_folder(None)),
        device=str(facts["device"]),
        local_files_only=True,
        model_kwargs={"dtype": getattr(torch, str(facts["dtype"]))},
    )
    clean(parse(paths[0], filename=paths[0].name, limits=limits))  # imports and models of the parser
    began = time.perf_counter()
    documents = [clean(parse(path, filename=path.name, limits=limits)) for path in paths]
    parse_s = time.perf_counter() - began
    window_tokens = embedder.recipe.max_tokens
    recipe = ChunkingRecipe(kind="auto", max_tokens=window_tokens, overlap_tokens=0)
    chunks = [
        each
        for number, document in enumerate(documents)
        for each in chunk(
            document, recipe=recipe, token_spans=embedder.token_spans, window_tokens=window_tokens, version_id=f"ver_{number}"
        )
    ]
    texts = [text for each in chunks for text in windows(each, token_spans=embedder.token_spans, window_tokens=window_tokens)]
    await embedder.close()
    raw.encode(texts[:RAW_BATCH_SIZE], show_progress_bar=False)
    began = time.perf_counter()
    raw.encode(texts, batch_size=RAW_BATCH_SIZE, show_progress_bar=False)
    encode_s = time.perf_counter() - began
    return {"documents": len(paths), "chunks": len(chunks), "seconds": parse_s + encode_s, "parse_s": parse_s, "encode_s": encode_s}


def parsed_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    if "--child" not in sys.argv:
        add_data_option(parser)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--files", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", choices=("ingest", "apart"), help=argparse.SUPPRESS)
    parser.add_argument("--files-in", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main(parsed_options())
