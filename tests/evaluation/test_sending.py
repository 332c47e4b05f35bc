"""Reports and alerts on their way: real servers take them, and one that is away breaks and loses nothing."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from evaluation.sending import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    MIN_TRIES,
    SIGNATURE,
    TIMESTAMP,
    TRIED_FOR,
    Outbox,
    channels_of,
    next_try_after,
    signature_of,
)
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.deliveries import DeliveryRecord, DeliveryState
from footnote.core.errors import InvalidSettings
from footnote.core.owners import LOCAL_OWNER
from footnote.core.settings import EmailSettings, EvaluationSettings, ServerSettings, WebhookSettings, load_settings
from footnote.core.telemetry.metrics import Metrics
from footnote.core.types import Caller
from serving.api.authentication import caller
from tests.core.catalog.evaluation_story import imported, run_of
from tests.core.catalog.story import ANN
from tests.evaluation.report.test_body import a_body

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
BODY = a_body().as_json()
SECRET = "a secret of sixteen letters"
LOCAL = caller(LOCAL_OWNER)


class Clock:
    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


class Receiver:
    """An HTTP server that answers with the statuses of its script, then with 204; while it is away, what stands before it says so."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.is_away = False
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
        status = 502 if self.is_away else self.statuses.pop(0) if self.statuses else 204
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


async def a_report(catalog: Catalog, *, by: Caller = LOCAL) -> str:
    run = await run_of(catalog, by=by)
    return (await catalog.reports.store(run.id, BODY)).id


async def a_run(catalog: Catalog, *, by: Caller, set_name: str, **configuration: Any) -> str:
    """Begin a run as somebody who may read the set."""
    of_set = (await imported(catalog, by=by, name=set_name)).set
    release = await catalog.releases.ensure_champion({"model": "smollm2"})
    asks = {"principals": sorted(by.principals), **configuration}
    return (await catalog.evaluation_runs.create(set_id=of_set.id, release_id=release.id, caller=by, configuration=asks)).id


async def test_a_report_is_posted_signed_and_without_text(catalog: Catalog):
    async with Receiver().open() as receiver:
        box = outbox(catalog, Clock(), webhook=WebhookSettings(url=receiver.url, secret=SECRET))
        report_id = await a_report(catalog)
        await box.after_report(report_id)
        await box.send_due()
        await box.send_due()
    ((headers, body),) = receiver.requests
    sent, ours = json.loads(body), a_body()
    assert set(sent) == {
        *("type", "report_id", "url", "run_id", "release_id", "set", "scheduled_for", "finished_at", "n_cases", "n_unanswered_cases"),
        *("scores", "recommendation"),
    }
    assert set(sent["set"]) == {"id", "name", "number"}
    assert set(sent["recommendation"]) == {"action", "then", "because"}
    assert {name for score in sent["scores"].values() for name in score} & {"question", "draft", "text", "failures"} == set()
    assert b"high tide" not in body, "the question of each of its cases"
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
        assert (delivery.state, delivery.next_at) == (DeliveryState.WAITING, NOON + FIRST_PAUSE)
        health = await box.health()
        assert health.ready
        assert str(status) in health.detail
        assert report_id in health.detail
        clock.at += FIRST_PAUSE
        await outbox(catalog, clock, webhook=WebhookSettings(url=receiver.url)).send_due()  # another process
    assert len(receiver.requests) == 2
    assert (await catalog.deliveries.of_report(report_id))[0].state == DeliveryState.SENT


async def states(catalog: Catalog, report_ids: list[str]) -> set[DeliveryState]:
    return {each.state for report_id in report_ids for each in await catalog.deliveries.of_report(report_id)}


async def test_a_webhook_that_is_away_for_a_day_loses_nothing_however_often_reports_come(catalog: Catalog):
    clock = Clock()
    async with Receiver().open() as receiver:
        receiver.is_away = True
        box = outbox(catalog, clock, webhook=WebhookSettings(url=receiver.url))
        report_ids: list[str] = []
        for _ in range(12):
            report_ids.append(await a_report(catalog))
            await box.after_report(report_ids[-1])
            await box.send_due()
            clock.at += timedelta(hours=2)
        assert await states(catalog, report_ids) == {DeliveryState.WAITING}
        receiver.is_away = False
        receiver.requests.clear()
        report_ids.append(await a_report(catalog))
        await box.after_report(report_ids[-1])
        await box.send_due()
    assert await states(catalog, report_ids) == {DeliveryState.SENT}, "what arrives shows that the others may, and they need not wait"
    arrived = [json.loads(body)["report_id"] for _, body in receiver.requests]
    assert sorted(arrived) == sorted(report_ids)


async def test_what_waits_for_one_channel_is_not_tried_when_another_one_takes_something(catalog: Catalog):
    clock, postbox = Clock(), Postbox()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(postbox), "127.0.0.1", 0)
    async with Receiver().open() as receiver, server:
        receiver.is_away = True
        email = mail_settings(server, security="none")
        box = outbox(catalog, clock, webhook=WebhookSettings(url=receiver.url), email=email)
        await box.after_report(await a_report(catalog))
        await box.send_due()
        clock.at += timedelta(seconds=30)
        await box.send_due()
    assert (len(receiver.requests), len(postbox.mails)) == (1, 1)


async def test_a_webhook_that_stays_away_is_given_up_after_three_days(catalog: Catalog):
    clock = Clock()
    async with Receiver().open() as receiver:
        receiver.is_away = True
        box = outbox(catalog, clock, webhook=WebhookSettings(url=receiver.url))
        report_id = await a_report(catalog)
        await box.after_report(report_id)
        for _ in range(100):
            await box.send_due()
            (delivery,) = await catalog.deliveries.of_report(report_id)
            if delivery.state == DeliveryState.GIVEN_UP:
                break
            clock.at = delivery.next_at
    assert delivery.state == DeliveryState.GIVEN_UP
    assert TRIED_FOR <= clock.at - NOON < TRIED_FOR + LONGEST_PAUSE
    assert MIN_TRIES < len(receiver.requests) < 30, "it is no burden meanwhile"


def test_the_pauses_grow_with_the_time_and_tries_use_up_nothing():
    assert [next_try_after(timedelta(minutes=minutes), 1) for minutes in (0, 1, 2, 90)] == [
        *(FIRST_PAUSE, FIRST_PAUSE, timedelta(minutes=2), timedelta(minutes=90))
    ]
    assert next_try_after(TRIED_FOR - timedelta(seconds=1), 1_000) == LONGEST_PAUSE
    assert next_try_after(TRIED_FOR, 1_000) is None
    assert next_try_after(10 * TRIED_FOR, 1) == LONGEST_PAUSE, "no server ran meanwhile"


@pytest.mark.parametrize(
    ("asked_for", "taken"),
    [
        ({}, {"local tides", "local rivers"}),
        ({"owners": ("ann",)}, {"ann tides", "ann rivers"}),
        ({"owners": ("*",)}, {"local tides", "local rivers", "ann tides", "ann rivers"}),
        ({"owners": ("*",), "sets": ("tides",)}, {"local tides", "ann tides"}),
        ({"sets": ("rivers",)}, {"local rivers"}),
        ({"owners": ()}, set[str]()),
        ({"sets": ()}, set[str]()),
    ],
)
async def test_a_channel_gets_reports_of_the_owners_and_sets_that_its_settings_name(
    catalog: Catalog, asked_for: dict[str, Any], taken: set[str]
):
    webhook = WebhookSettings(url="http://127.0.0.1:1/", **asked_for)
    email = EmailSettings(host="mail.example", sender="footnote@answers.example", recipients=("ann@answers.example",), owners=("*",))
    box = outbox(catalog, Clock(), webhook=webhook, email=email)
    runs = {
        f"{by.owner} {set_name}": await a_run(catalog, by=by, set_name=set_name) for by in (LOCAL, ANN) for set_name in ("tides", "rivers")
    }
    goes_to = {name: await box.owed_to(run_id) for name, run_id in runs.items()}
    assert {name for name, channels in goes_to.items() if "webhook" in channels} == taken
    assert all("email" in channels for channels in goes_to.values()), "each channel has settings of its own"


async def test_a_set_that_the_owner_of_the_run_may_read_no_more_is_none_that_a_channel_names(catalog: Catalog):
    lost = (await run_of(catalog, by=LOCAL)).id  # as nobody who could read it
    named, all_of_them = (
        outbox(catalog, Clock(), webhook=WebhookSettings(url="http://127.0.0.1:1/", sets=sets)) for sets in (("tides",), None)
    )
    assert (await named.owed_to(lost), await all_of_them.owed_to(lost)) == ((), ("webhook",))


async def test_what_was_owed_by_earlier_settings_is_not_sent_by_narrower_ones(catalog: Catalog):
    async with Receiver().open() as receiver:
        report_id = await a_report(catalog, by=ANN)
        before, now = (outbox(catalog, Clock(), webhook=WebhookSettings(url=receiver.url, owners=each)) for each in (("*",), ("ben",)))
        await before.after_report(report_id)
        await now.send_due()
        (delivery,) = await catalog.deliveries.of_report(report_id)
        assert (receiver.requests, delivery.state) == ([], DeliveryState.WAITING)
        assert "settings" in str(delivery.error)


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
    of_the_night = await a_run(catalog, by=LOCAL, set_name="tides", scheduled_for=NOON.isoformat())
    assert await box.owed_to(of_the_night) == ("webhook",)


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
        self.were_encrypted: list[bool] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        self.recipients += envelope.rcpt_tos
        self.were_encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        return "250 OK"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, login: LoginPassword) -> AuthResult:
        self.logins.append((login.login, login.password))
        return AuthResult(success=login.password == b"right")


def mail_settings(server: asyncio.Server, **more: Any) -> EmailSettings:
    return EmailSettings(
        **{
            "host": "127.0.0.1",
            "port": server.sockets[0].getsockname()[1],
            "sender": "footnote@answers.example",
            "recipients": ("ann@answers.example",),
            **more,
        }
    )


@asynccontextmanager
async def mail_server(postbox: Postbox, security: str, certificate: trustme.LeafCert) -> AsyncIterator[asyncio.Server]:
    """Run a server that wants a login, and that nobody can speak to but through this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    wants: dict[str, Any] = {"authenticator": postbox.authenticate, "auth_required": True, "auth_require_tls": security == "starttls"}
    if security == "starttls":
        wants |= {"tls_context": context, "require_starttls": True}
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(postbox, **wants), "127.0.0.1", 0, ssl=context if security == "tls" else None
    )
    async with server:
        yield server


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """Whoever vouches for certificates, trusted as an operator would have it trusted."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return made


async def mailed(catalog: Catalog, email: EmailSettings) -> DeliveryRecord:
    """Send a report once, and return what came of it."""
    box = outbox(catalog, Clock(), email=email)
    report_id = await a_report(catalog)
    await box.after_report(report_id)
    await box.send_due()
    (delivery,) = await catalog.deliveries.of_report(report_id)
    return delivery


LOGIN = {"user": "footnote", "password": "right"}
NO_TLS_SEEN = "ignore:Requiring AUTH while not requiring TLS:UserWarning"
"""The server's own word: it does not see that its connections are encrypted from the start, or is to offer a login in the clear."""


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.filterwarnings(NO_TLS_SEEN)
async def test_login_and_mail_are_encrypted(catalog: Catalog, authority: trustme.CA, security: str):
    postbox = Postbox()
    async with mail_server(postbox, security, authority.issue_cert("127.0.0.1")) as server:
        delivery = await mailed(catalog, mail_settings(server, security=security, **LOGIN))
    assert (delivery.state, delivery.error) == (DeliveryState.SENT, None)
    assert postbox.logins == [(b"footnote", b"right")]
    assert (len(postbox.mails), postbox.were_encrypted) == (1, [True])


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize(
    ("fault", "told"), [("of nobody", "nobody whom this machine trusts"), ("of another", "another name"), ("old", "has expired")]
)
@pytest.mark.filterwarnings(NO_TLS_SEEN)
async def test_a_certificate_that_proves_nothing_is_refused_before_anything_is_sent(
    catalog: Catalog, authority: trustme.CA, security: str, fault: str, told: str
):
    certificate = {
        "of nobody": lambda: trustme.CA().issue_cert("127.0.0.1"),
        "of another": lambda: authority.issue_cert("mail.example"),
        "old": lambda: authority.issue_cert("127.0.0.1", not_before=NOON - timedelta(days=900), not_after=NOON - timedelta(days=800)),
    }[fault]()
    postbox = Postbox()
    async with mail_server(postbox, security, certificate) as server:
        delivery = await mailed(catalog, mail_settings(server, security=security, **LOGIN))
    assert (postbox.logins, postbox.mails) == ([], [])
    assert delivery.state == DeliveryState.WAITING
    assert "certificate is refused" in str(delivery.error)
    assert told in str(delivery.error)


@pytest.mark.filterwarnings(NO_TLS_SEEN)
async def test_a_server_without_starttls_gets_neither_login_nor_mail(catalog: Catalog):
    postbox = Postbox()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(postbox, authenticator=postbox.authenticate, auth_require_tls=False), "127.0.0.1", 0
    )
    async with server:
        delivery = await mailed(catalog, mail_settings(server, security="starttls", **LOGIN))
        assert (postbox.logins, postbox.mails) == ([], [])
        assert "offers no STARTTLS" in str(delivery.error)
        delivery = await mailed(catalog, mail_settings(server, security="tls", **LOGIN))
        assert (postbox.logins, postbox.mails) == ([], [])
        assert delivery.state == DeliveryState.WAITING
        await mailed(catalog, mail_settings(server, security="none", **LOGIN))
    assert postbox.logins, "it would have taken them"
    assert postbox.mails


async def test_why_mail_was_refused_is_told_without_addresses(catalog: Catalog):
    class Refusing:
        async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
            return f"550 {address} is not known"

    server = await asyncio.get_running_loop().create_server(lambda: SMTP(Refusing()), "127.0.0.1", 0)
    async with server:
        email = mail_settings(server, security="none")
        box = outbox(catalog, Clock(), email=email)
        await box.after_report(await a_report(catalog))
        await box.send_due()
    detail = (await box.health()).detail
    assert "SMTPRecipientsRefused" in detail
    assert "ann@" not in detail


@pytest.mark.parametrize("password", ["right", "wrong"])
@pytest.mark.filterwarnings(NO_TLS_SEEN)
async def test_a_report_is_mailed_plain_and_as_a_page(catalog: Catalog, password: str):
    postbox = Postbox()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(postbox, authenticator=postbox.authenticate, auth_require_tls=False, auth_required=True), "127.0.0.1", 0
    )
    async with server:
        recipients = ("ann@answers.example", "ben@answers.example")
        email = mail_settings(server, security="none", user="footnote", password=password, recipients=recipients)
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
    assert "high tide" not in plain + page, "the question of each of its cases"
    assert f'href="https://answers.example/v1/reports/{report_id}"' in page


@pytest.mark.parametrize("url", ["ftp://files.example/", "file:///etc/passwd", "chat.example/hook", "https://", "gopher://x/"])
def test_a_webhook_that_is_not_http_is_refused(url: str):
    with pytest.raises(InvalidSettings, match="http or https"):
        load_settings({"evaluation": {"webhook": {"url": url}}})


def test_mail_without_addresses_is_refused():
    with pytest.raises(InvalidSettings, match=r"evaluation\.email\.recipients"):
        load_settings({"evaluation": {"email": {"host": "mail.example", "sender": "footnote@answers.example"}}})
