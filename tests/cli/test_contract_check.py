"""The check of ``footnote doctor --contract``, on Qdrant's engine in this process and on indexes that break a promise."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from footnote.cli.doctor import check_server_contract
from footnote.core.settings import IndexSettings, load_settings
from retrieval.index.contract_check import check_contract, contract_recipe
from retrieval.index.factory import create_index
from retrieval.index.port import Index


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[Index]:
    opened = create_index(IndexSettings(), data_dir=tmp_path, recipe=contract_recipe("test"))
    await opened.open()
    yield opened
    await opened.close()


async def test_the_engine_keeps_the_contract(index: Index):
    results = await check_contract(index)
    assert [(result.operation, result.failure) for result in results if result.failure] == []
    assert len(results) == 9
    assert await index.count() == 0


class _Careless:
    """Passes everything on, except one promise."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def __getattr__(self, name: str):
        return getattr(self._index, name)


class _Unprotected(_Careless):
    async def search(self, query, access):
        from dataclasses import replace

        return await self._index.search(query, replace(access, principals=frozenset({"readers"})))


class _Forgetful(_Careless):
    async def delete_versions(self, version_ids): ...

    async def delete_collection(self, collection_id): ...


@pytest.mark.parametrize(("broken", "operation"), [(_Unprotected, "access filter"), (_Forgetful, "deletion")])
async def test_a_broken_promise_is_named_and_ends_the_check(index: Index, broken: type[_Careless], operation: str):
    results = await check_contract(broken(index))
    assert [result.operation for result in results if result.failure] == [operation]
    assert results[-1].operation == operation


def test_without_a_server_in_the_settings_the_check_says_what_to_set():
    (finding,) = check_server_contract(load_settings())
    assert (finding.status, "index.url" in finding.advice) == ("fail", True)


def test_a_server_that_does_not_answer_is_a_finding():
    settings = load_settings({"index": {"url": "http://127.0.0.1:9", "grpc_port": 9, "timeout_s": 1}})
    (finding,) = check_server_contract(settings)
    assert (finding.check, finding.status) == ("contract: connection", "fail")
