"""Checks a Qdrant server by the contract, in a Qdrant collection that exists for the check alone."""

import asyncio
import uuid

from qdrant_client import AsyncQdrantClient

from footnote.core.errors import FootnoteError
from footnote.core.settings import IndexSettings
from retrieval.index.contract_check import ContractResult, check_contract, contract_recipe
from retrieval.index.factory import create_qdrant_client
from retrieval.index.schema import physical_collection
from retrieval.index.server import QdrantIndex
from retrieval.index.server_errors import server_errors


def check_server(settings: IndexSettings) -> list[ContractResult]:
    """Try the contract on the server at ``settings.url``; nothing stays behind."""
    return asyncio.run(_check(create_qdrant_client(settings)))


async def _check(client: AsyncQdrantClient) -> list[ContractResult]:
    recipe = contract_recipe(uuid.uuid4().hex)
    index = QdrantIndex(client, recipe=recipe)
    try:
        await index.open()
        try:
            return await check_contract(index)
        finally:
            with server_errors("Deleting the temporary collection"):
                await client.delete_collection(physical_collection(recipe))
    except FootnoteError as error:
        return [ContractResult("connection", str(error))]
    finally:
        await index.close()
