"""A server that is open sends what is owed, and says how far that is: the wiring, where nothing is replaced but the receiver."""

import asyncio
import json
from pathlib import Path

from footnote.cli.wiring import open_services
from footnote.core.catalog.moment import now
from footnote.core.settings import load_settings
from tests.evaluation.test_sending import Receiver, a_report


async def test_an_open_server_sends_what_is_owed_and_tells_how_far_it_is(tmp_path: Path):
    async with Receiver().open() as receiver:
        settings = load_settings(
            {
                "data_dir": str(tmp_path / "data"),
                "generator": {"kind": "extractive"},
                "evaluation": {"webhook": {"url": receiver.url}, "mlflow_uri": "off"},
            }
        )
        async with open_services(settings) as services:
            report_id = await a_report(services.catalog)
            await services.catalog.deliveries.owe_report(report_id, ["webhook"], at=now())
            (sending,) = [part for part in await services.health() if part.name == "sending"]
            assert (sending.ready, sending.facts["waiting"]) == (True, 1)
            async with asyncio.timeout(60):  # it looks for the first time 15 s after its start
                await receiver.has_one.wait()
    ((_, body),) = receiver.requests
    assert json.loads(body)["report_id"] == report_id
