"""Several spaces open side by side: the bundled model with a smaller window is another recipe, and so another space."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from footnote.core.catalog.collections import DEFAULT_COLLECTION
from footnote.core.catalog.paging import Paging
from footnote.core.catalog.spaces import SpaceRecord
from footnote.core.errors import IndexUnavailable, ModelUnavailable
from footnote.core.settings import EmbedderSettings, IndexSettings
from footnote.core.types import EVERYONE, Access, EmbeddingRecipe
from retrieval.embedder.factory import create_embedder
from retrieval.embedder.port import Embedder
from retrieval.index.factory import create_index
from retrieval.spaces import Spaces, forget_versions, recorded, settings_for
from tests.retrieval.library import ANYBODY, OWNER, Library, embedder, library  # noqa: F401 - fixtures

SMALL = EmbedderSettings(max_tokens=64)
PUMP = "Before the dosing pump is opened, close the suction valve and let the pressure out."
LEAVE = "Up to five days of unused leave may be carried over until the end of March."


class Opener:
    """Opens embedders for real, and counts what is open; may be told to fail."""

    def __init__(self) -> None:
        self.opened: list[EmbedderSettings] = []
        self.embedders: list[Embedder] = []
        self.failure: ModelUnavailable | None = None

    async def __call__(self, settings: EmbedderSettings) -> Embedder:
        if self.failure is not None:
            raise self.failure
        self.opened.append(settings)
        self.embedders.append(await create_embedder(settings))
        return self.embedders[-1]


@pytest.fixture
def opener() -> Opener:
    return Opener()


def spaces_of(library: Library, opener: Opener, folder: Path, *, idle_s: float = 600.0) -> Spaces:  # noqa: F811 - the fixture's name
    return Spaces(
        catalog=library.catalog,
        default=library.spaces.default,
        create_index=lambda recipe: create_index(IndexSettings(), data_dir=folder, recipe=recipe),
        open_embedder=opener,
        idle_s=idle_s,
    )


@pytest.fixture
async def both(library: Library, opener: Opener, tmp_path: Path) -> AsyncIterator[tuple[Library, str]]:  # noqa: F811 - the fixture
    """The default collection in the settings' space, and another in the space of the smaller window."""
    library.spaces = spaces_of(library, opener, tmp_path)
    await library.spaces.open()
    await library.publish("manual.md", PUMP)
    other = (await library.catalog.collections.create(caller=OWNER, principals=[EVERYONE], name="other")).id
    recipe = await library.spaces.recipe_of(SMALL)
    async with library.spaces.using(recipe.space) as small:
        await library.publish("leave.md", LEAVE, collection_id=other, space=small)
        await library.publish("valves.md", "Suction valves are checked each spring.", collection_id=other, space=small)
    yield library, other
    await library.spaces.close()


def everywhere(other: str) -> Access:
    return replace(ANYBODY, collection_ids=frozenset({DEFAULT_COLLECTION, other}))


async def test_a_collection_is_searched_in_its_own_space(both: tuple[Library, str]):
    library, other = both  # noqa: F811 - the fixture's name
    hits = (await library.searcher().search("unused leave", replace(ANYBODY, collection_ids=frozenset({other})), limit=5)).hits
    assert {hit.chunk.filename for hit in hits} == {"leave.md", "valves.md"}
    assert await library.index.count() == 1, "nothing of it lies in the settings' index"
    assert len(library.spaces.open_indexes()) == 2


async def test_collections_of_two_spaces_are_ranked_together(both: tuple[Library, str]):
    library, other = both  # noqa: F811 - the fixture's name
    for query, best in (("How do I open the dosing pump?", "manual.md"), ("May I carry over unused leave?", "leave.md")):
        hits = (await library.searcher().search(query, everywhere(other), limit=3)).hits
        assert {hit.chunk.filename for hit in hits} == {"manual.md", "leave.md", "valves.md"}
        assert best in [hit.chunk.filename for hit in hits[:2]]
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len((await library.searcher().search("valve", everywhere(other), limit=2)).hits) == 2


async def test_what_nobody_uses_is_closed_and_opened_again_on_demand(both: tuple[Library, str], opener: Opener, tmp_path: Path):
    library, other = both  # noqa: F811 - the fixture's name
    await library.spaces.close()
    spaces = spaces_of(library, opener, tmp_path, idle_s=0.0)
    library.spaces = spaces
    access = replace(ANYBODY, collection_ids=frozenset({other}))
    for _ in range(2):
        assert len((await library.searcher().search("leave", access, limit=5)).hits) == 2
        async with asyncio.timeout(10):
            while (await opener.embedders[-1].health()).ready:
                await asyncio.sleep(0)
    assert len(opener.opened) == 3, "once to begin with, and once for each search"
    assert len(spaces.open_indexes()) == 1


async def test_a_space_in_use_is_not_closed(both: tuple[Library, str], opener: Opener, tmp_path: Path):
    library, other = both  # noqa: F811 - the fixture's name
    await library.spaces.close()
    library.spaces = spaces_of(library, opener, tmp_path, idle_s=0.0)
    space = (await library.catalog.versions.view([other])).spaces[other]
    async with library.spaces.using(space) as held:
        await library.searcher().search("leave", replace(ANYBODY, collection_ids=frozenset({other})), limit=5)
        for _ in range(20):
            await asyncio.sleep(0)
        assert (await held.embedder.health()).ready
        assert await held.index.count() == 2


async def test_a_model_that_is_gone_is_named_with_what_to_do(both: tuple[Library, str], opener: Opener, tmp_path: Path):
    library, other = both  # noqa: F811 - the fixture's name
    await library.spaces.close()
    library.spaces = spaces_of(library, opener, tmp_path)
    opener.failure = ModelUnavailable("There is no model folder /models/small.")
    with pytest.raises(ModelUnavailable, match=r"all-MiniLM-L6-v2.*/models/small.*footnote reindex"):
        await library.searcher().search("leave", everywhere(other), limit=5)
    assert (await library.searcher().search("pump", ANYBODY, limit=5)).hits, "the others go on answering"
    health = await library.spaces.health()
    assert health.ready
    assert "/models/small" in health.detail
    await library.spaces.delete_collection(other)
    assert await library.spaces.count() == 1, "deleting needs no model"
    opener.failure = None
    assert (await library.searcher().search("leave", everywhere(other), limit=5)).hits


async def test_another_model_under_the_same_name_is_refused(both: tuple[Library, str], opener: Opener, tmp_path: Path):
    library, other = both  # noqa: F811 - the fixture's name
    await library.spaces.close()
    space = (await library.catalog.versions.view([other])).spaces[other]
    assert space is not None
    record = await library.catalog.spaces.get(space)
    await library.catalog.spaces.remember(record.recipe, embedder=recorded(EmbedderSettings(max_tokens=32)))
    library.spaces = spaces_of(library, opener, tmp_path)
    with pytest.raises(ModelUnavailable, match="other vectors"):
        await library.searcher().search("leave", everywhere(other), limit=5)
    assert not (await opener.embedders[-1].health()).ready, "it is closed again"


async def test_health_says_how_many_collections_lie_elsewhere_and_no_name(both: tuple[Library, str]):
    library, _ = both  # noqa: F811 - the fixture's name
    health = await library.spaces.health()
    assert (health.ready, health.facts["collections_elsewhere"]) == (True, 1)
    assert "footnote reindex" in health.detail
    assert "other" not in health.detail


async def test_what_was_lost_is_found_in_every_space(both: tuple[Library, str]):
    library, other = both  # noqa: F811 - the fixture's name
    assert await library.spaces.lost() == ()
    found = (await library.searcher().search("leave", replace(ANYBODY, collection_ids=frozenset({other})), limit=1)).hits
    async with library.spaces.using_index((await library.catalog.versions.view([other])).spaces[other]) as index:
        await index.delete_versions([found[0].chunk.version_id])
    assert await library.spaces.lost() == (found[0].chunk.version_id,)


async def test_versions_are_deleted_where_they_lie(both: tuple[Library, str]):
    library, other = both  # noqa: F811 - the fixture's name
    hits = (await library.searcher().search("valve", everywhere(other), limit=5)).hits
    await library.spaces.delete_versions([hit.chunk.version_id for hit in hits])
    assert await library.spaces.count() == 0


async def test_a_space_that_cannot_be_opened_keeps_no_other_from_erasing_and_forgetting(
    both: tuple[Library, str], opener: Opener, tmp_path: Path
):
    library, other = both  # noqa: F811 - the fixture's name
    (here,) = await library.catalog.versions.live_points(space=library.spaces.default.name)
    elsewhere = (await library.catalog.versions.view([other])).spaces[other]
    there = list(await library.catalog.versions.live_points(space=elsewhere))
    await library.spaces.close()
    spaces = library.spaces = Spaces(catalog=library.catalog, default=library.spaces.default)  # which opens no other space

    assert await spaces.count(version_id=here) == 1
    assert await spaces.purge(needed=[spaces.default.name]) is False
    with pytest.raises(IndexUnavailable):
        await spaces.purge(needed=[elsewhere])
    with pytest.raises(IndexUnavailable):
        await spaces.count(version_id=there[0])

    files = await library.catalog.files.list(owner=OWNER.owner, paging=Paging())
    for collection_id, file in ((other, files.items[0]), (DEFAULT_COLLECTION, files.items[-1])):
        await library.catalog.attachments.detach(collection_id, file.id, caller=OWNER)
    abandoned = await library.catalog.versions.abandoned()
    assert len(abandoned) == 2
    with pytest.raises(IndexUnavailable):
        await forget_versions(sorted(abandoned, key=lambda version: version == here), catalog=library.catalog, index=spaces)
    assert here not in await library.catalog.versions.abandoned()
    assert len(await library.catalog.versions.abandoned()) == 1, "that which lies where nothing can be deleted now"
    assert await library.index.count() == 0


async def test_all_indexes_are_opened_for_a_backup(both: tuple[Library, str], opener: Opener, tmp_path: Path):
    library, _ = both  # noqa: F811 - the fixture's name
    await library.spaces.close()
    library.spaces = spaces_of(library, opener, tmp_path)
    assert len(library.spaces.open_indexes()) == 1
    async with library.spaces.all_indexes() as indexes:
        assert [await index.count() for index in indexes] == [1, 2]


async def test_an_unknown_space_cannot_be_opened(library: Library, opener: Opener, tmp_path: Path):  # noqa: F811 - the fixture
    spaces = spaces_of(library, opener, tmp_path)
    with pytest.raises(IndexUnavailable, match="does not know"):
        async with spaces.using("0123456789abcdef"):
            pass
    await spaces.close()


RECIPE = EmbeddingRecipe(model="bge", revision="1", dimension=8, max_tokens=100, query_prefix="query: ")


def test_keys_are_not_recorded():
    settings = EmbedderSettings(kind="openai", model="bge", base_url="http://models/v1", api_key=SecretStr("sesame"))
    assert "sesame" not in str(recorded(settings))
    assert "api_key" not in recorded(settings)


@pytest.mark.parametrize(("base_url", "key"), [("http://models/v1", "sesame"), ("http://elsewhere/v1", None)])
def test_the_key_goes_to_its_own_server_alone(base_url: str, key: str | None):
    current = EmbedderSettings(kind="openai", model="new", base_url="http://models/v1", api_key=SecretStr("sesame"))
    then = EmbedderSettings(kind="openai", model="bge", base_url=base_url)
    settings = settings_for(SpaceRecord(RECIPE.space, RECIPE, recorded(then)), current=current)
    assert (settings.model, settings.base_url) == ("bge", base_url)
    assert (None if settings.api_key is None else settings.api_key.get_secret_value()) == key


def test_a_space_whose_embedder_was_not_recorded_is_opened_by_name():
    settings = settings_for(SpaceRecord(RECIPE.space, RECIPE, None), current=EmbedderSettings(model="new", device="cpu"))
    assert (settings.model, settings.query_prefix, settings.device) == ("bge", "query: ", "cpu")
    bundled = replace(RECIPE, model="all-MiniLM-L6-v2")
    assert settings_for(SpaceRecord(bundled.space, bundled, None), current=EmbedderSettings(model="new")).model is None
    assert EmbeddingRecipe(**asdict(bundled)).space == bundled.space
