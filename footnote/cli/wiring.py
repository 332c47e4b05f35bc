"""Wiring: the one place where settings become objects. Clients are built once here and passed down."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import footnote
from evaluation.front_desk import FrontDesk
from evaluation.generating.generator import SetGenerator
from evaluation.sending import Outbox
from evaluation.worker import EvaluationWorker, RunParts
from footnote.cli.evaluation_wiring import (
    cases_at_once,
    create_outbox,
    open_run_parts,
    question_writer,
    start_evaluation,
    start_passing_on,
)
from footnote.core.attention import Attention
from footnote.core.blobs import BlobStore
from footnote.core.blobs.factory import create_blob_store
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.database import sqlite_url
from footnote.core.catalog.moment import now
from footnote.core.catalog.releases import release_id_of
from footnote.core.data_directory import DataDirectory
from footnote.core.embedded_stores import embedded_stores, the_folder_of
from footnote.core.orphans import IN_FLIGHT_S, remove_orphans
from footnote.core.settings import Settings, max_concurrent_answers, passage_budget_tokens, runs_queue_in_server
from footnote.core.telemetry import Telemetry, open_telemetry
from footnote.core.types import PartHealth, Release
from ingestion.embedding_batches import GiveWay, at_once
from ingestion.parser_pool import ParserPool
from ingestion.pipeline import Pipeline
from ingestion.queue_elsewhere import QueueElsewhere
from ingestion.worker import IngestionWorker
from retrieval.embedder.factory import create_embedder
from retrieval.embedder.port import Embedder
from retrieval.index.factory import create_index
from retrieval.passages import PassageFinder
from retrieval.search import Searcher
from retrieval.spaces import Space, Spaces
from serving.answering import Answerer
from serving.attended import Attended
from serving.erasing import Eraser
from serving.expiry import Housekeeping
from serving.generator.factory import create_generator
from serving.generator.port import Generator
from serving.judge.local import LocalJudge
from serving.judge.port import Judge
from serving.policy import Policy
from serving.prompting import Prompt, load_prompt
from serving.release import manifest_of
from serving.rewriter import ModelRewriter, Rewriter, RuleRewriter
from serving.services import Services


@dataclass(frozen=True, slots=True)
class Stores:
    """What the processes of one installation share."""

    catalog: Catalog
    blobs: BlobStore
    spaces: Spaces


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncGenerator[Services]:
    """Open the data directory, the stores and the models, start the ingestion queue, and close all of it in reverse order.

    Raises:
        DataDirectoryInUse: another process owns the data directory.
        FootnoteError: a part cannot be opened; what was open before it is closed.
    """
    async with AsyncExitStack() as stack:
        telemetry = open_telemetry(settings.telemetry, version=footnote.__version__)
        stack.push_async_callback(telemetry.close)
        directory = DataDirectory(settings.data_dir)
        stack.enter_context(directory.owned())
        embedder = await create_embedder(settings.embedder)
        stack.push_async_callback(embedder.close)
        stores = await open_stores(stack, settings, directory=directory, embedder=embedder)
        attention = Attention()
        worker = await _queue(stack, settings, stores=stores, telemetry=telemetry, give_way=attention.give_way)
        eraser = _start_eraser(stack, stores)
        generator = await create_generator(settings.generator, data_dir=directory.path)
        stack.push_async_callback(generator.close)
        answering = await create_answering(
            settings,
            stores=stores,
            embedder=embedder,
            generator=generator,
            searcher=_searcher(settings, stores, telemetry),
            telemetry=telemetry,
            release_of=stores.catalog.releases.ensure_champion,
        )
        outbox = create_outbox(settings, catalog=stores.catalog, data_dir=directory.path, telemetry=telemetry)
        start_passing_on(stack, settings, catalog=stores.catalog, outbox=outbox, telemetry=telemetry)
        evaluation = await _evaluation(
            stack, settings, stores=stores, embedder=embedder, answering=answering, attention=attention, outbox=outbox
        )
        yield _services(
            settings,
            directory=directory,
            stores=stores,
            embedder=embedder,
            generator=generator,
            answering=answering,
            worker=worker,
            evaluation=evaluation,
            outbox=outbox,
            attention=attention,
            eraser=eraser,
            telemetry=telemetry,
        )


async def open_stores(
    stack: AsyncExitStack, settings: Settings, *, directory: DataDirectory, embedder: Embedder, owner: bool = True
) -> Stores:
    """Open the stores; they are closed with the stack.

    Args:
        stack: closes them.
        settings: which they are.
        directory: where those are that are embedded.
        embedder: of the settings' space.
        owner: whether this process writes blobs, and so may remove what is left over of others' writing.
    """
    catalog = Catalog(settings.catalog.url or sqlite_url(directory.catalog))
    stack.push_async_callback(catalog.close)
    # Who may read the default collection is the server's to say: a worker may have been given other settings.
    await catalog.open(default_principals=settings.default_principals if owner else None)
    if owner and settings.catalog.url is not None:
        for store in embedded_stores(settings, directory):
            await stack.enter_async_context(the_folder_of(catalog, store))
    blobs = create_blob_store(settings.blobs, folder=directory.blobs)
    stack.push_async_callback(blobs.close)
    if owner or settings.blobs.url is not None:  # in a shared folder it would remove what the server is just writing
        await blobs.open()
    if owner:
        shared = settings.catalog.url is not None or settings.blobs.url is not None
        await remove_orphans(blobs, catalog, older_than_s=IN_FLIGHT_S if shared else 0.0)
    index = create_index(settings.index, data_dir=directory.path, recipe=embedder.recipe)
    stack.push_async_callback(index.close)
    await index.open()
    spaces = Spaces(
        catalog=catalog,
        default=Space(embedder, index),
        settings=settings.embedder,
        create_index=lambda recipe: create_index(settings.index, data_dir=directory.path, recipe=recipe),
    )
    stack.push_async_callback(spaces.close)
    await spaces.open()
    return Stores(catalog=catalog, blobs=blobs, spaces=spaces)


async def _queue(
    stack: AsyncExitStack, settings: Settings, *, stores: Stores, telemetry: Telemetry, give_way: GiveWay
) -> IngestionWorker | QueueElsewhere:
    if runs_queue_in_server(settings):
        return await start_ingestion(stack, settings, stores=stores, telemetry=telemetry, give_way=give_way)
    return QueueElsewhere(stores.catalog, lease_s=settings.ingestion.lease_s)


async def start_ingestion(
    stack: AsyncExitStack, settings: Settings, *, stores: Stores, telemetry: Telemetry, give_way: GiveWay = at_once
) -> IngestionWorker:
    """Start reading documents, which give way to whoever ``give_way`` waits for; it stops with the stack."""
    parsers = ParserPool(settings.ingestion)
    stack.push_async_callback(parsers.close)
    pipeline = Pipeline(
        catalog=stores.catalog,
        blobs=stores.blobs,
        spaces=stores.spaces,
        parsers=parsers,
        settings=settings.ingestion,
        chunking=settings.chunking,
        telemetry=telemetry,
        give_way=give_way,
    )
    worker = IngestionWorker(
        catalog=stores.catalog,
        spaces=stores.spaces,
        pipeline=pipeline,
        settings=settings.ingestion,
        telemetry=telemetry,
    )
    stack.push_async_callback(worker.close)
    # A catalog of its own in the data directory has no other worker than the directory's owner.
    await worker.start(alone=settings.catalog.url is None)
    return worker


def _start_eraser(stack: AsyncExitStack, stores: Stores) -> Eraser:
    """Return the eraser; what was cut off is gone on with, and what has expired goes, in the background."""
    eraser = Eraser(catalog=stores.catalog, blobs=stores.blobs, points=stores.spaces)
    housekeeping = Housekeeping(stores.catalog, eraser=eraser, points=stores.spaces, blobs=stores.blobs)
    housekeeping.start()
    stack.push_async_callback(housekeeping.stop)
    return eraser


@dataclass(frozen=True, slots=True)
class Answering:
    """What answers by one release; ``answerer`` makes one of these that writes so many answers at the same time."""

    release: Release
    judge: Judge | None
    searcher: Searcher
    answerer: Callable[[int], Answerer]


def _searcher(settings: Settings, stores: Stores, telemetry: Telemetry) -> Searcher:
    return Searcher(spaces=stores.spaces, catalog=stores.catalog, settings=settings.retrieval, telemetry=telemetry)


async def create_answering(
    settings: Settings,
    *,
    stores: Stores,
    embedder: Embedder,
    generator: Generator,
    searcher: Searcher,
    telemetry: Telemetry,
    release_of: Callable[[dict[str, object]], Awaitable[Release]],
) -> Answering:
    """Build what answers.

    Args:
        settings: how.
        stores: where from.
        embedder: of the settings' space.
        generator: writes drafts.
        searcher: finds what they are written from.
        telemetry: counts and times.
        release_of: returns the release that a manifest describes.
    """
    judge = _judge(settings, embedder)
    policy = _policy(settings, judge)
    prompt, rewrite_prompt = load_prompt("answer"), load_prompt("rewrite")
    rewriter = _rewriter(settings, generator, rewrite_prompt)
    manifest = manifest_of(
        settings,
        embedder=embedder,
        generator=generator,
        judge=judge,
        rewriter=rewriter,
        policy=policy,
        prompts=[prompt, rewrite_prompt],
    )
    release = await release_of(manifest)
    passages = PassageFinder(
        searcher=searcher, catalog=stores.catalog, token_spans=embedder.token_spans, settings=settings.retrieval, telemetry=telemetry
    )

    def answerer(max_concurrent: int) -> Answerer:
        return Answerer(
            catalog=stores.catalog,
            passages=passages,
            generator=generator,
            judge=judge,
            rewriter=rewriter,
            prompt=prompt,
            policy=policy,
            release=release,
            settings=settings.generator,
            budget_tokens=passage_budget_tokens(settings),
            telemetry=telemetry,
            max_concurrent=max_concurrent,
        )

    return Answering(release=release, judge=judge, searcher=searcher, answerer=answerer)


async def _evaluation(
    stack: AsyncExitStack,
    settings: Settings,
    *,
    stores: Stores,
    embedder: Embedder,
    answering: Answering,
    attention: Attention,
    outbox: Outbox,
) -> EvaluationWorker | None:
    """Start doing runs, where this server has the queues; else a worker does them, which looks by itself."""
    if not runs_queue_in_server(settings):
        return None
    open_parts = partial(run_parts, settings, stores=stores, embedder=embedder, answering=answering, attention=attention)
    return await start_evaluation(stack, settings, catalog=stores.catalog, outbox=outbox, open_parts=open_parts)


@asynccontextmanager
async def run_parts(
    settings: Settings, *, stores: Stores, embedder: Embedder, answering: Answering, attention: Attention
) -> AsyncGenerator[RunParts]:
    """Open what runs need, with an answerer of their own: they take no place that a person could have, and count as nobody who waits."""
    async with open_run_parts(
        settings,
        catalog=stores.catalog,
        embedder=embedder,
        searcher=answering.searcher,
        answers=answering.answerer(cases_at_once(settings)),
        release_id=answering.release.id,
        judge=answering.judge,
        attention=attention,
    ) as parts:
        yield parts


@asynccontextmanager
async def open_run_parts_apart(
    settings: Settings, *, directory: DataDirectory, stores: Stores, embedder: Embedder, telemetry: Telemetry
) -> AsyncGenerator[RunParts]:
    """Open what runs need in a process that answers nobody: by the release that its settings describe, which it makes no champion."""

    async def described(manifest: dict[str, object]) -> Release:
        return Release(id=release_id_of(manifest), manifest=manifest, created_at=now())

    async with AsyncExitStack() as stack:
        generator = await create_generator(settings.generator, data_dir=directory.path)
        stack.push_async_callback(generator.close)
        answering = await create_answering(
            settings,
            stores=stores,
            embedder=embedder,
            generator=generator,
            searcher=_searcher(settings, stores, telemetry),
            telemetry=telemetry,
            release_of=described,
        )
        parts = run_parts(settings, stores=stores, embedder=embedder, answering=answering, attention=Attention())
        yield await stack.enter_async_context(parts)


def _services(
    settings: Settings,
    *,
    directory: DataDirectory,
    stores: Stores,
    embedder: Embedder,
    generator: Generator,
    answering: Answering,
    worker: IngestionWorker | QueueElsewhere,
    evaluation: EvaluationWorker | None,
    outbox: Outbox,
    attention: Attention,
    eraser: Eraser,
    telemetry: Telemetry,
) -> Services:
    def announce(url: str) -> None:
        directory.announce(url=url, version=footnote.__version__)

    async def snapshot_index() -> Path | None:
        if settings.index.kind != "edge":
            return None
        from retrieval.index.edge_backup import snapshot_open  # noqa: PLC0415  # the engine that is not used is not loaded

        async with stores.spaces.all_indexes() as indexes:
            return await snapshot_open(indexes, data_dir=directory.path)

    async def health() -> Sequence[PartHealth]:
        always = (stores.catalog, stores.spaces.default.index, stores.spaces, worker, embedder, generator, outbox)
        return [await part.health() for part in (*always, *(part for part in (answering.judge, evaluation) if part is not None))]

    def wake_evaluation() -> None:
        if evaluation is not None:
            evaluation.wake()

    return Services(
        settings=settings,
        telemetry=telemetry,
        catalog=stores.catalog,
        blobs=stores.blobs,
        eraser=eraser,
        index=stores.spaces,
        spaces=stores.spaces,
        searcher=answering.searcher,
        answers=Attended(answering.answerer(max_concurrent_answers(settings)), attention),
        release=answering.release,
        evaluation=FrontDesk(catalog=stores.catalog, release_id=answering.release.id, wake=wake_evaluation),
        set_generator=SetGenerator(stores.catalog, open_writer=question_writer(settings), give_way=attention.give_way),
        wake_ingestion=worker.wake,
        announce=announce,
        health=health,
        snapshot_index=snapshot_index,
    )


def _judge(settings: Settings, embedder: Embedder) -> Judge | None:
    if settings.answering.judge == "none":
        return None
    return LocalJudge(embedder, threshold=settings.answering.support_threshold)


def _rewriter(settings: Settings, generator: Generator, prompt: Prompt) -> Rewriter:
    by_model = settings.answering.rewrite == "model" or (settings.answering.rewrite == "auto" and settings.generator.kind == "openai")
    return ModelRewriter(generator, prompt) if by_model else RuleRewriter()


def _policy(settings: Settings, judge: Judge | None) -> Policy:
    """Quote where the bundled model writes and somebody checks it; a quotation of an extractive answer would repeat it."""
    if judge is None or settings.answering.policy == "flag":
        return "flag"
    if settings.answering.policy == "quote" or settings.generator.kind == "local":
        return "quote"
    return "flag"
