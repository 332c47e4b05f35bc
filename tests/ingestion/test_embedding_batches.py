"""Common batches: what goes together, whose turn it is, and that one caller's trouble is that one's alone."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.core.errors import InvalidInput
from footnote.core.types import EmbeddingRecipe
from ingestion.embedding_batches import SPECIAL_TOKENS, EmbeddingBatches
from ingestion.fair_texts import FairTexts, WaitingText
from retrieval.embedder.port import Embedder, Vectors


def text(owner: str, n_tokens: int, *, whose: str = "", place: int = 0) -> WaitingText[str]:
    return WaitingText(owner=owner, whose=whose or owner, place=place, text=f"{owner} {place}", n_tokens=n_tokens)


@given(lengths=st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 300)), max_size=60), max_tokens=st.integers(1, 1000))
def test_every_text_is_taken_once_and_no_batch_is_over_its_limit(lengths: list[tuple[str, int]], max_tokens: int) -> None:
    texts = FairTexts[str]()
    waiting = [text(owner, n_tokens, place=place) for place, (owner, n_tokens) in enumerate(lengths)]
    texts.add(waiting)
    taken: list[WaitingText[str]] = []
    while batch := texts.take(max_tokens):
        assert len(batch) == 1 or len(batch) * max(each.n_tokens for each in batch) <= max_tokens
        taken += batch
    assert sorted(each.place for each in taken) == [each.place for each in waiting]
    assert texts.n_tokens == 0


def test_texts_of_like_length_go_together() -> None:
    texts = FairTexts[str]()
    texts.add([text("a", 200 if place % 2 else 20, place=place) for place in range(20)])
    batches = [[each.n_tokens for each in texts.take(2_000)] for _ in range(2)]
    assert batches == [[20] * 10, [200] * 10]


def test_owners_share_the_device_however_much_each_has_waiting() -> None:
    texts = FairTexts[str]()
    texts.add([text("bulk", 100, place=place) for place in range(1_000)])
    for _ in range(5):
        texts.take(400)
    texts.add([text("single", 100, place=place) for place in range(8)])
    after = Counter(each.owner for _ in range(4) for each in texts.take(400))
    assert after == {"single": 8, "bulk": 8}


def test_who_comes_back_has_no_more_than_who_never_went() -> None:
    texts = FairTexts[str]()
    texts.add([text("idle", 10)])
    texts.add([text("busy", 100, place=place) for place in range(1_000)])
    for _ in range(50):
        texts.take(400)
    texts.add([text("idle", 100, place=place) for place in range(100)])
    after = Counter(each.owner for _ in range(10) for each in texts.take(400))
    assert after == {"idle": 20, "busy": 20}


def test_what_is_taken_back_is_not_taken() -> None:
    texts = FairTexts[str]()
    one, other = "one", "other"
    texts.add([text("a", 10, whose=whose, place=place) for place, whose in enumerate([one, other, one, other])])
    texts.discard(one)
    assert [each.whose for each in texts.take(1_000)] == [other, other]


class Scripted:
    """An embedder whose vectors say which text they are of; ``wrong`` ones are refused, and it can be made to wait."""

    recipe = EmbeddingRecipe(model="scripted", revision="1", dimension=1, max_tokens=100)
    batch_tokens = 10 * (10 + SPECIAL_TOKENS)

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        self.calls.append(list(texts))
        self.begun.set()
        await self.go_on.wait()
        if "wrong" in texts:
            raise InvalidInput("A text is wrong.")
        return np.asarray([[float(text)] for text in texts], dtype=np.float32)


def opened(embedder: Scripted, **options) -> EmbeddingBatches:
    port: Embedder = embedder  # type: ignore[assignment]
    return EmbeddingBatches(port, **options)


async def embed(batches: EmbeddingBatches, texts: Sequence[str], owner: str = "ann") -> list[float]:
    vectors = await batches.embed(texts, lengths=[10] * len(texts), owner=owner)
    return [float(row[0]) for row in vectors]


async def test_texts_of_many_callers_leave_together_and_come_back_in_their_order() -> None:
    embedder = Scripted()
    batches = opened(embedder)
    embedder.go_on.clear()
    first = asyncio.create_task(embed(batches, ["0"]))
    await embedder.begun.wait()
    others = [asyncio.create_task(embed(batches, [str(3 * n), str(3 * n + 1), str(3 * n + 2)])) for n in range(1, 6)]
    await asyncio.sleep(0)
    embedder.go_on.set()
    assert await asyncio.gather(first, *others) == [[0.0]] + [[3.0 * n, 3.0 * n + 1, 3.0 * n + 2] for n in range(1, 6)]
    assert [len(call) for call in embedder.calls] == [1, 10, 5]
    assert await embed(batches, []) == []


async def test_one_callers_wrong_text_fails_that_caller_alone() -> None:
    embedder = Scripted()
    batches = opened(embedder)
    good, bad, other = await asyncio.gather(
        embed(batches, ["1", "2"]), embed(batches, ["3", "wrong"]), embed(batches, ["4"], owner="ben"), return_exceptions=True
    )
    assert (good, other) == ([1.0, 2.0], [4.0])
    assert isinstance(bad, InvalidInput)
    assert await embed(batches, ["5"]) == [5.0], "and the next one is embedded"


async def test_a_cancelled_caller_takes_back_what_has_not_begun() -> None:
    embedder = Scripted()
    batches = opened(embedder)
    embedder.go_on.clear()
    first = asyncio.create_task(embed(batches, ["0"]))
    await embedder.begun.wait()
    cancelled = asyncio.create_task(embed(batches, ["1", "2"]))
    kept = asyncio.create_task(embed(batches, ["3"]))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    embedder.go_on.set()
    assert await asyncio.gather(first, kept) == [[0.0], [3.0]]
    assert embedder.calls == [["0"], ["3"]]


async def test_documents_wait_while_they_are_to_give_way() -> None:
    embedder, quiet = Scripted(), asyncio.Event()

    async def give_way() -> None:
        await quiet.wait()

    batches = opened(embedder, give_way=give_way)
    waiting = asyncio.create_task(embed(batches, ["1"]))
    for _ in range(10):
        await asyncio.sleep(0)
    assert embedder.calls == []
    quiet.set()
    assert await waiting == [1.0]


async def test_closing_ends_a_batch_that_hangs() -> None:
    embedder = Scripted()
    embedder.go_on.clear()
    batches = opened(embedder)
    waiting = asyncio.create_task(embed(batches, ["1"]))
    await embedder.begun.wait()
    async with asyncio.timeout(5):
        await batches.close()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
