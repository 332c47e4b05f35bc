"""Reports and alerts on their way: real servers take them, and one that is away breaks and loses nothing."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from evaluation.sending import PAUSES, SIGNATURE, TIMESTAMP, Outbox, channels_of, signature_of
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.deliveries import DeliveryState
from footnote.core.errors import InvalidSettings
from footnote.core.settings import EmailSettings, EvaluationSettings, ServerSettings, WebhookSettings, load_settings
from footnote.core.telemetry.metrics import Metrics
from tests.core.catalog.evaluation_story import run_of
from tests.evaluation.report.test_body import a_body

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
SECRET = "a secret of sixteen letters"


class Clock:
    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


class Receiver:
    """An HTTP server that answers with the statuses of its script, then with 204."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.url = ""
        self.has_one = asyncio.Event()

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Receiver"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        self.requests.append((headers, await reader.readexactly(int(headers["content-length"]))))
        status = self.statuses.pop(0) if self.statuses else 204
        location = b"Location: http://127.0.0.1:1/\r\n" if status == 302 else b""
        writer.write(b"HTTP/1.1 %d x\r\n%sContent-Length: 0\r\nConnection: close\r\n\r\n" % (status, location))
        await writer.drain()
        writer.close()
        self.has_one.set()


def outbox(catalog: Catalog, clock: Clock, **settings: Any) -> Outbox:
    asked_for = EvaluationSettings(**settings)
    return Outbox(
        catalog=catalog,
        channels=channels_of(asked_for),
        recorder=None,
        settings=asked_for,
        server=ServerSettings(base_url="https://answers.example/"),
        metrics=Metrics(),
        now=clock,
    )


async def a_report(catalog: Catalog) -> str:
    run = await run_of(catalog)
    return (await catalog.reports.store(run.id, a_body().as_json())).id


async def test_a_report_is_posted_signed_and_without_text(catalog: Catalog):
    async with Receiver().open() as receiver:
        box = outbox(catalog, Clock(), webhook=WebhookSettings(url=receiver.url, secret=SECRET))
        report_id = await a_report(catalog)
        await box.after_report(report_id)
        await box.send_due()
        await box.send_due()
    ((headers, body),) = receiver.requests
    sent, ours = json.loads(body), a_body()
    assert headers[SIGNATURE.lower()] == signature_of(SECRET, headers[TIMESTAMP.lower()], body)
    assert abs(int(headers[TIMESTAMP.lower()]) - time.time()) < 100
    assert signature_of("another secret", headers[TIMESTAMP.lower()], body) != headers[SIGNATURE.lower()]
    assert (sent["report_id"], sent["url"]) == (report_id, f"https://answers.example/v1/reports/{report_id}")
    assert sent["recommendation"]["action"] == ours.recommendation.action
    assert {name: score["mean"] for name, score in sent["scores"].items()} == {name: score.mean for name, score in ours.scores.items()}
    (delivery,) = await catalog.deliveries.of_report(report_id)
    assert (delivery.state, delivery.sent_at) == (DeliveryState.SENT, NOON)


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_what_is_not_taken_is_kept_told_and_tried_again(catalog: Catalog, status: int):
    clock = Clock()
    async with Receiver(status).open() as receiver:
        box = outbox(catalog, clock, webhook=WebhookSettings(url=receiver.url))
        report_id = await a_report(catalog)
        await box.after_report(report_id)
        await box.send_due()
        await box.send_due()
        assert len(receiver.requests) == 1, "not before its time"
        (delivery,) = await catalog.deliveries.of_report(report_id)
        assert (delivery.state, delivery.next_at) == (DeliveryState.WAITING, NOON + PAUSES[0])
        health = await box.health()
        assert health.ready
        assert str(status) in health.detail
        assert report_id in health.detail
        clock.at += PAUSES[0]
        await outbox(catalog, clock, webhook=WebhookSettings(url=receiver.url)).send_due()  # another process
    assert len(receiver.requests) == 2
    assert (await catalog.deliveries.of_report(report_id))[0].state == DeliveryState.SENT


async def test_a_webhook_that_is_away_is_given_up_in_the_end_and_the_next_report_tries_what_waits(catalog: Catalog):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    clock = Clock()
    box = outbox(catalog, clock, webhook=WebhookSettings(url=f"http://127.0.0.1:{port}/"))
    report_id = await a_report(catalog)
    await box.after_report(report_id)
    for pause in (*PAUSES, timedelta(days=1)):
        await box.send_due()
        await box.after_report(await a_report(catalog)) if pause == PAUSES[0] else None
        clock.at += pause
    (delivery, *_) = await catalog.deliveries.of_report(report_id)
    assert (delivery.state, delivery.n_tries) == (DeliveryState.GIVEN_UP, len(PAUSES) + 1)


async def test_a_server_that_stalls_is_not_waited_for(catalog: Catalog):
    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(stall, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        box = outbox(catalog, Clock(), webhook=WebhookSettings(url=url, timeout_s=0.2))
        report_id = await a_report(catalog)
        await box.after_report(report_id)
        await box.send_due()
    assert "did not answer" in str((await catalog.deliveries.of_report(report_id))[0].error)


async def test_two_processes_send_a_report_once(catalog: Catalog, catalog_url: str):
    other = Catalog(catalog_url)
    async with Receiver().open() as receiver:
        webhook = WebhookSettings(url=receiver.url)
        boxes = [outbox(each, Clock(), webhook=webhook) for each in (catalog, other)]
        await boxes[0].after_report(await a_report(catalog))
        await asyncio.gather(*(box.send_due() for box in boxes * 3))
    await other.close()
    assert len(receiver.requests) == 1


async def test_of_runs_that_somebody_asked_for_none_is_sent_where_the_settings_say_so(catalog: Catalog):
    box = outbox(catalog, Clock(), webhook=WebhookSettings(url="http://127.0.0.1:1/"), send="nightly")
    report_id = await a_report(catalog)
    await box.after_report(report_id)
    assert await catalog.deliveries.of_report(report_id) == ()


async def test_an_alert_is_sent_by_the_same_channels(catalog: Catalog):
    facts = {"share": 0.31, "low": 0.22, "high": 0.41, "n_claims": 120, "n_turns": 40, "threshold": 0.5}
    async with Receiver().open() as receiver:
        box = outbox(catalog, Clock(), webhook=WebhookSettings(url=receiver.url))
        await catalog.alerts.raise_one("live_support", facts=facts, at=NOON, quiet_since=NOON, channels=box.channels)
        await box.send_due()
    ((headers, body),) = receiver.requests
    assert SIGNATURE.lower() not in headers, "no secret is set"
    assert json.loads(body)["facts"] == facts


class Postbox:
    """What an SMTP server took."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.recipients: list[str] = []
        self.logins: list[tuple[bytes, bytes]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        self.recipients += envelope.rcpt_tos
        return "250 OK"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, login: LoginPassword) -> AuthResult:
        self.logins.append((login.login, login.password))
        return AuthResult(success=login.password == b"right")


async def test_why_mail_was_refused_is_told_without_addresses(catalog: Catalog):
    class Refusing:
        async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
            return f"550 {address} is not known"

    server = await asyncio.get_running_loop().create_server(lambda: SMTP(Refusing()), "127.0.0.1", 0)
    async with server:
        email = EmailSettings(
            host="127.0.0.1",
            port=server.sockets[0].getsockname()[1],
            security="none",
            sender="footnote@answers.example",
            recipients=("ann@answers.example",),
        )
        box = outbox(catalog, Clock(), email=email)
        await box.after_report(await a_report(catalog))
        await box.send_due()
    detail = (await box.health()).detail
    assert "SMTPRecipientsRefused" in detail
    assert "ann@" not in detail


@pytest.mark.parametrize("password", ["right", "wrong"])
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
async def test_a_report_is_mailed_plain_and_as_a_page(catalog: Catalog, password: str):
    postbox = Postbox()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(postbox, authenticator=postbox.authenticate, auth_require_tls=False, auth_required=True), "127.0.0.1", 0
    )
    async with server:
        port = server.sockets[0].getsockname()[1]
        email = EmailSettings(
            host="127.0.0.1",
            port=port,
            security="none",
            user="footnote",
            password=password,
            sender="footnote@answers.example",
            recipients=("ann@answers.example", "ben@answers.example"),
        )
        box = outbox(catalog, Clock(), email=email)
        report_id = await a_report(catalog)
        await box.after_report(report_id)
        await box.send_due()
    (delivery,) = await catalog.deliveries.of_report(report_id)
    if password == "wrong":
        assert (postbox.mails, delivery.state) == ([], DeliveryState.WAITING)
        assert "did not take it" in str(delivery.error)
        return
    (mail,) = postbox.mails
    assert delivery.state == DeliveryState.SENT
    assert postbox.recipients == ["ann@answers.example", "ben@answers.example"]
    assert postbox.logins == [(b"footnote", b"right")]
    plain, page = (mail.get_body(kind).get_content() for kind in (("plain",), ("html",)))
    assert f"https://answers.example/v1/reports/{report_id}" in plain
    assert "faithfulness" in plain
    assert f'href="https://answers.example/v1/reports/{report_id}"' in page


@pytest.mark.parametrize("url", ["ftp://files.example/", "file:///etc/passwd", "chat.example/hook", "https://", "gopher://x/"])
def test_a_webhook_that_is_not_http_is_refused(url: str):
    with pytest.raises(InvalidSettings, match="http or https"):
        load_settings({"evaluation": {"webhook": {"url": url}}})


def test_mail_without_addresses_is_refused():
    with pytest.raises(InvalidSettings, match=r"evaluation\.email\.recipients"):
        load_settings({"evaluation": {"email": {"host": "mail.example", "sender": "footnote@answers.example"}}})
