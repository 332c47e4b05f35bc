"""Turns come back as they were stored, for their owner alone; releases are named by their content."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.moment import now
from footnote.core.catalog.releases import release_id_of
from footnote.core.errors import NotFound
from footnote.core.ids import new_id
from footnote.core.types import Citation, Claim, DraftClaim, Message, StoredPassage, TokenUsage, Turn, Verdict
from tests.core.catalog.story import ANN, BEN, caller

MANIFEST = {"model": "smollm2", "prompts": {"answer": "0abc"}, "temperature": 0.0}


def passage(n: int, *, chunk_ids: tuple[str, ...], similarity: float) -> StoredPassage:
    return StoredPassage(
        n=n, attachment_id="att_1", version_id="ver_1", chunk_ids=chunk_ids, start=0, end=9, score=0.03, similarity=similarity
    )


async def turn(catalog: Catalog) -> Turn:
    release = await catalog.releases.ensure_champion(MANIFEST)
    citation = Citation(passage=1, start=3, end=9, quote="at six", page=2, score=0.93, marked=True)
    return Turn(
        id=new_id("turn"),
        owner="ann",
        principals=frozenset({"divers", "owner:ann"}),
        conversation="conversation",
        release_id=release.id,
        asked_at=now(),
        question="When is high tide? 🌊",
        history=(Message(role="user", content="Hello"), Message(role="assistant", content="Hello.")),
        query="high tide",
        collection_ids=("vs_default",),
        prompt=(Message(role="system", content="Answer from the passages."),),
        passages=(
            StoredPassage(
                n=1, attachment_id="att_1", version_id="ver_1", chunk_ids=("chunk_1", "chunk_2"), start=0, end=9, score=0.03, similarity=0.8
            ),
            StoredPassage(n=2, attachment_id="att_1", version_id="ver_1", chunk_ids=(), start=9, end=12, score=0.02, similarity=-0.1),
        ),
        draft="At six [1]. At five.",
        shown="At six [1].",
        changes=("One claim was replaced by a quote.",),
        claims=(Claim(start=0, end=11, verdict=Verdict.SUPPORTED, score=0.93, citations=(citation,), replaced=True),),
        draft_claims=(DraftClaim(start=12, end=20, verdict=Verdict.UNCHECKED, score=None),),
        abstained=False,
        finish_reason="stop",
        usage=TokenUsage(prompt_tokens=100, completion_tokens=7),
        timings_ms={"search": 3.5, "total": 900.25},
    )


async def test_a_turn_comes_back_as_it_was_stored(catalog: Catalog):
    stored = await turn(catalog)
    await catalog.turns.store(stored)
    assert await catalog.turns.get(stored.id, caller=ANN) == stored


@pytest.mark.parametrize("stranger", [BEN, caller("ben", "divers")])
async def test_a_turn_is_its_owners_alone(catalog: Catalog, stranger):
    stored = await turn(catalog)
    await catalog.turns.store(stored)
    with pytest.raises(NotFound):
        await catalog.turns.get(stored.id, caller=stranger)


async def test_the_same_settings_are_the_same_release_and_others_take_its_place(catalog: Catalog):
    first = await catalog.releases.ensure_champion(MANIFEST)
    assert await catalog.releases.ensure_champion(dict(reversed(MANIFEST.items()))) == first
    second = await catalog.releases.ensure_champion({**MANIFEST, "temperature": 0.5})
    assert second.id != first.id
    assert await catalog.releases.ensure_champion(MANIFEST) == first, "going back is one write"
    assert {release.id for release in await catalog.releases.list()} == {first.id, second.id}
    assert (await catalog.releases.get(first.id)).manifest == MANIFEST
    with pytest.raises(NotFound):
        await catalog.releases.get("rel_none")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=5
)


@given(st.dictionaries(st.text(max_size=5), values, max_size=5), st.randoms())
def test_the_order_of_a_manifest_does_not_matter(manifest: dict[str, object], random):
    items = list(manifest.items())
    random.shuffle(items)
    assert release_id_of(dict(items)) == release_id_of(manifest)
