"""Alerts and deliveries: an alert is raised once whoever sees it, and what is owed to a channel is known until it has arrived."""

import asyncio
from datetime import timedelta

import pytest

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.deliveries import DeliveryState
from footnote.core.catalog.moment import now
from footnote.core.errors import NotFound
from tests.core.catalog.evaluation_story import run_of
from tests.core.catalog.story import ANN

NOON = now().replace(microsecond=0)
DAY = timedelta(days=1)


async def raised(catalog: Catalog, at=NOON, channels=("webhook",)):
    return await catalog.alerts.raise_one("live_support", facts={"share": 0.25}, at=at, quiet_since=at - DAY, channels=channels)


async def report(catalog: Catalog) -> str:
    return (await catalog.reports.store((await run_of(catalog)).id, {"scores": {}})).id


async def test_an_alert_is_raised_once_and_stands_until_it_is_cleared(catalog: Catalog):
    alert = await raised(catalog)
    assert alert is not None
    assert await raised(catalog, NOON + 3 * DAY) is None, "it stands"
    assert await catalog.alerts.standing() == (alert,)
    assert await catalog.alerts.get(alert.id) == alert
    cleared = await catalog.alerts.clear("live_support", at=NOON + 3 * DAY)
    assert cleared is not None
    assert cleared.cleared_at == NOON + 3 * DAY
    assert await catalog.alerts.clear("live_support", at=NOON + 3 * DAY) is None
    again = await raised(catalog, NOON + 4 * DAY)
    assert again is not None
    assert again.id != alert.id
    assert len(await catalog.deliveries.due(NOON + 5 * DAY, limit=9)) == 2, "one message for each"


async def test_what_falls_again_on_the_same_day_stands_again_in_silence(catalog: Catalog):
    alert = await raised(catalog)
    await catalog.alerts.clear("live_support", at=NOON + DAY / 4)
    assert await raised(catalog, NOON + DAY / 2) is None
    assert [each.id for each in await catalog.alerts.standing()] == [alert.id]
    assert len(await catalog.deliveries.due(NOON + DAY, limit=9)) == 1


async def test_of_two_processes_that_raise_an_alert_one_does(catalog: Catalog, catalog_url: str):
    other = Catalog(catalog_url)
    found = await asyncio.gather(*(raised(each) for each in (catalog, other) * 4))
    await other.close()
    assert len([alert for alert in found if alert is not None]) == 1
    assert len(await catalog.deliveries.due(NOON, limit=9)) == 1


async def test_a_report_is_owed_to_each_channel_once(catalog: Catalog):
    report_id = await report(catalog)
    await catalog.deliveries.owe_report(report_id, ["webhook", "email"], at=NOON)
    await catalog.deliveries.owe_report(report_id, ["webhook", "email"], at=NOON)
    owed = await catalog.deliveries.due(NOON, limit=9)
    assert sorted(each.channel for each in owed) == ["email", "webhook"]
    await catalog.deliveries.note_sent(owed[0].id, at=NOON)
    assert [each.id for each in await catalog.deliveries.due(NOON, limit=9)] == [owed[1].id]
    await catalog.deliveries.owe_report(report_id, [owed[0].channel], at=NOON + DAY)
    assert len(await catalog.deliveries.due(NOON + DAY, limit=9)) == 2, "a report that was made again is sent again"
    assert {each.id: each.created_at for each in await catalog.deliveries.of_report(report_id)} == {
        owed[0].id: NOON + DAY,
        owed[1].id: NOON,
    }
    with pytest.raises(NotFound):
        await catalog.deliveries.owe_report("rep_none", ["webhook"], at=NOON)


async def test_a_failure_is_kept_and_tried_later_until_it_is_given_up(catalog: Catalog):
    await raised(catalog)
    (owed,) = await catalog.deliveries.due(NOON, limit=9)
    await catalog.deliveries.note_failure(owed.id, error="refused", next_at=NOON + DAY)
    assert await catalog.deliveries.due(NOON, limit=9) == ()
    (failed,) = await catalog.deliveries.last_failures(limit=9)
    assert (failed.error, failed.n_tries, failed.state) == ("refused", 1, DeliveryState.WAITING)
    await catalog.deliveries.bring_forward("email", at=NOON)
    assert await catalog.deliveries.due(NOON, limit=9) == (), "another channel's news"
    await catalog.deliveries.bring_forward("webhook", at=NOON)
    assert len(await catalog.deliveries.due(NOON, limit=9)) == 1
    await catalog.deliveries.note_failure(owed.id, error="refused", next_at=None)
    assert await catalog.deliveries.due(NOON + 9 * DAY, limit=9) == ()
    assert (await catalog.deliveries.counts())[DeliveryState.GIVEN_UP] == 1
    await catalog.deliveries.note_sent(owed.id, at=NOON)
    assert await catalog.deliveries.last_failures(limit=9) == ()


async def test_deliveries_go_with_their_report(catalog: Catalog):
    run = await run_of(catalog)
    stored = await catalog.reports.store(run.id, {"scores": {}})
    await catalog.deliveries.owe_report(stored.id, ["email"], at=NOON)
    assert [each.channel for each in await catalog.deliveries.of_report(stored.id)] == ["email"]
    await catalog.evaluation_runs.cancel(run.id, caller=ANN)
    await catalog.evaluation_runs.delete(run.id, caller=ANN)
    assert await catalog.deliveries.of_report(stored.id) == ()
