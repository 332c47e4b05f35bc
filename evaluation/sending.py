"""Passing reports and alerts on: by webhook, by e-mail, to the record of experiments. What is owed stands in the catalog until it arrived.

A channel that is away breaks nothing and loses nothing: each failure is logged, kept, and tried again, also by the next process.
"""

import asyncio
import hashlib
import hmac
import json
import os
import smtplib
import socket
import ssl
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Protocol

import httpx
import structlog

import footnote
from evaluation.messages import Message, alert_message, report_message, url_of_report
from evaluation.repeating import Repeating
from evaluation.report.body import ReportBody, body_from_json
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.deliveries import DeliveryRecord, DeliveryState
from footnote.core.catalog.evaluation_records import RunRecord
from footnote.core.catalog.moment import now as present
from footnote.core.errors import CatalogUnavailable, FootnoteError, NotFound
from footnote.core.offload import offload
from footnote.core.settings import ChannelSettings, EmailSettings, EvaluationSettings, ServerSettings, WebhookSettings
from footnote.core.telemetry.metrics import Metrics
from footnote.core.types import Caller, PartHealth

TRIED_FOR = timedelta(days=3)
"""So long what is owed is tried at least, however many tries that makes: a receiver may be away over a weekend."""

MIN_TRIES = 8
"""And so often at least: where no server ran for days, the first try after them is not the last one."""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=6)

TRY_S = 150.0
"""How long one try may take, whatever a channel's own limit is."""

LEASE = "deliveries"
LEASE_S = 2 * TRY_S
LOOK_S = 30.0
GRACE_S = 20.0
"""How long a process that stops goes on with what is being sent."""

AT_ONCE = 20
MAX_ERROR_CHARS = 300

SIGNATURE, TIMESTAMP, DELIVERY, EVENT = "X-Footnote-Signature", "X-Footnote-Timestamp", "X-Footnote-Delivery", "X-Footnote-Event"

ALL = "*"
"""Among the owners of a channel: every one."""

log = structlog.get_logger(__name__)


class SendingFailed(Exception):
    """A channel did not take what it was sent."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose run a report is about, and over which set. A set that cannot be read has no name here."""

    owner: str
    set_name: str | None


def takes(settings: ChannelSettings, subject: Subject) -> bool:
    """Whether a channel gets the reports of such runs: of owners and sets that its settings do not name it gets none."""
    is_owners = ALL in settings.owners or subject.owner in settings.owners
    return is_owners and (settings.sets is None or subject.set_name in settings.sets)


def next_try_after(owed_for: timedelta, n_tries: int) -> timedelta | None:
    """Return how long after a failure the next try is; None where there is none, and what is owed is given up.

    The pause is as long as it has been owed, between a minute and six hours: it depends on the time alone, so that tries which something
    brought forward use up nothing.

    Args:
        owed_for: since when it has been owed.
        n_tries: how often it was tried, this time included.
    """
    if owed_for >= TRIED_FOR and n_tries >= MIN_TRIES:
        return None
    return max(FIRST_PAUSE, min(owed_for, LONGEST_PAUSE))


class Channel(Protocol):
    """Where messages go."""

    name: str

    def takes(self, subject: Subject) -> bool:
        """Whether it gets the reports of such runs."""
        ...

    async def send(self, message: Message, *, delivery_id: str) -> None:
        """Pass a message on. A second one with the same delivery id is the same message.

        Raises:
            SendingFailed: it did not arrive, as far as anybody knows.
        """
        ...


class Recorder(Protocol):
    """Where runs are recorded."""

    name: str

    async def record(self, report_id: str, body: ReportBody) -> None:
        """Record the run of a report; recorded again it takes the place of what was recorded before.

        Raises:
            SendingFailed: it was not recorded.
        """
        ...


class WebhookChannel:
    """Posts messages as JSON.

    With a secret each is signed: ``X-Footnote-Signature`` is ``sha256=`` and the hexadecimal HMAC of ``TIMESTAMP.BODY``, where the time
    stamp is the header ``X-Footnote-Timestamp`` (seconds since 1970), so that what was recorded cannot be played again later.

    Args:
        url: http or https.
        settings: secret and patience.
    """

    name = "webhook"

    def __init__(self, url: str, settings: WebhookSettings, *, now: Callable[[], datetime] = present) -> None:
        self._url = url
        self._settings = settings
        self._now = now

    def takes(self, subject: Subject) -> bool:
        """Whether its settings name owner and set."""
        return takes(self._settings, subject)

    async def send(self, message: Message, *, delivery_id: str) -> None:
        """Post a message; what answers 200 to 299 has taken it."""
        body = json.dumps(message.payload, separators=(",", ":"), allow_nan=False).encode()
        try:
            # A redirect is not followed: what is signed goes to the address that was configured.
            async with httpx.AsyncClient(timeout=self._settings.timeout_s, follow_redirects=False) as client:
                response = await client.post(self._url, content=body, headers=self._headers(message, delivery_id, body))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SendingFailed(f"The webhook did not answer: {_words(error)}.") from error
        if not response.is_success:
            raise SendingFailed(f"The webhook answered with status {response.status_code}.")

    def _headers(self, message: Message, delivery_id: str, body: bytes) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"footnote/{footnote.__version__}",
            EVENT: message.kind,
            DELIVERY: delivery_id,
        }
        if self._settings.secret is None:
            return headers
        timestamp = str(int(self._now().timestamp()))
        return {**headers, TIMESTAMP: timestamp, SIGNATURE: signature_of(self._settings.secret.get_secret_value(), timestamp, body)}


def signature_of(secret: str, timestamp: str, body: bytes) -> str:
    """Return what a webhook's receiver compares with the header ``X-Footnote-Signature``."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class EmailChannel:
    """Sends messages by SMTP, plain and as HTML.

    Args:
        host: the mail server.
        settings: how to reach it, and who is written to.
    """

    name = "email"

    def __init__(self, host: str, settings: EmailSettings) -> None:
        self._host = host
        self._settings = settings

    def takes(self, subject: Subject) -> bool:
        """Whether its settings name owner and set."""
        return takes(self._settings, subject)

    async def send(self, message: Message, *, delivery_id: str) -> None:
        """Send a message to all recipients; where the server refuses some of them, the others have it.

        Where the connection is to be encrypted, neither login nor message is sent over one that is not, or to a server whose certificate
        nobody vouches for.
        """
        mail = self._mail(message, delivery_id)
        try:
            refused = await offload(self._hand_over, mail)
        except ssl.SSLCertVerificationError as error:
            raise SendingFailed(f"The mail server's certificate is refused: {_why_refused(error)}. Nothing was sent.") from error
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise SendingFailed(f"The mail server did not take it: {_words(error)}.") from error
        if refused:
            log.warning("the mail server refused recipients", n_refused=len(refused), delivery_id=delivery_id)

    def _mail(self, message: Message, delivery_id: str) -> EmailMessage:
        mail = EmailMessage()
        sender = self._settings.sender or ""
        mail["Subject"] = message.subject
        mail["From"] = sender
        mail["To"] = ", ".join(self._settings.recipients)
        mail["Date"] = format_datetime(present())
        mail["Message-ID"] = make_msgid(idstring=delivery_id, domain=sender.rpartition("@")[2] or None)
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        mail.add_alternative(message.page, subtype="html")
        return mail

    def _hand_over(self, mail: EmailMessage) -> dict[str, tuple[int, bytes]]:
        with self._connection() as server:
            if self._settings.security == "starttls":
                _encrypt(server)
            if self._settings.user is not None:
                server.login(self._settings.user, self._settings.password.get_secret_value() if self._settings.password else "")
            return server.send_message(mail)

    def _connection(self) -> smtplib.SMTP:
        security, timeout_s = self._settings.security, self._settings.timeout_s
        port = self._settings.port or {"starttls": 587, "tls": 465, "none": 25}[security]
        if security == "tls":
            return smtplib.SMTP_SSL(self._host, port, timeout=timeout_s, context=ssl.create_default_context())
        return smtplib.SMTP(self._host, port, timeout=timeout_s)


def _encrypt(server: smtplib.SMTP) -> None:
    try:
        server.starttls(context=ssl.create_default_context())
    except smtplib.SMTPNotSupportedError as error:
        raise SendingFailed(
            "The mail server offers no STARTTLS, and nothing is sent in the clear: does evaluation.email.port or .security fit it?"
        ) from error


def channels_of(settings: EvaluationSettings) -> tuple[Channel, ...]:
    """Return the channels that are configured."""
    channels: list[Channel] = []
    if settings.webhook.url is not None:
        channels.append(WebhookChannel(settings.webhook.url, settings.webhook))
    if settings.email.host is not None:
        channels.append(EmailChannel(settings.email.host, settings.email))
    return tuple(channels)


class Outbox:
    """Sends what is owed, one process at a time, for as long as it is started.

    Args:
        catalog: where reports, alerts and deliveries are.
        channels: where reports and alerts go.
        recorder: where runs are recorded; None for nowhere.
        settings: whose reports are sent.
        server: how people reach the server, for links.
        metrics: shows how many are on their way.
        now: the present moment.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        channels: Sequence[Channel],
        recorder: Recorder | None,
        settings: EvaluationSettings,
        server: ServerSettings,
        metrics: Metrics,
        now: Callable[[], datetime] = present,
    ) -> None:
        self._catalog = catalog
        self._channels = {channel.name: channel for channel in channels}
        self._recorder = recorder
        self._settings = settings
        self._server = server
        self._metrics = metrics
        self._now = now
        self._repeating = Repeating("sending reports", self.send_due, every_s=LOOK_S)

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the channels that alerts go to."""
        return tuple(self._channels)

    def start(self, *, first_after_s: float = 0.0) -> None:
        """Begin to send, also what an earlier process or another one owes; at first after some seconds, or when it is woken."""
        self._repeating.start(first_after_s=first_after_s)

    def wake(self) -> None:
        """Say that something is owed."""
        self._repeating.wake()

    async def close(self) -> None:
        """Stop; what is just being sent has some time to arrive, and is sent by the next process otherwise."""
        await self._repeating.close(grace_s=GRACE_S)

    async def health(self) -> PartHealth:
        """Say what did not arrive. The server is ready all the same, also while the catalog, which says so itself, does not answer."""
        try:
            failed = await self._catalog.deliveries.last_failures(limit=1)
            counts = await self._catalog.deliveries.counts()
        except CatalogUnavailable as error:
            return PartHealth(name="sending", ready=True, detail=f"It is not known what has arrived: {error}", facts={})
        detail = "What was sent has arrived."
        if failed:
            what = failed[0].report_id or failed[0].alert_id
            ending = "it was given up" if failed[0].state == DeliveryState.GIVEN_UP else "it is tried again"
            detail = f"{what} could not be passed on ({failed[0].channel}), {ending}: {failed[0].error}"
        return PartHealth(
            name="sending",
            ready=True,
            detail=self._repeating.trouble or detail,
            facts={state.value: n for state, n in counts.items()},
        )

    # ---------------------------------------------------------------------------------------------------------------- what is owed

    async def after_report(self, report_id: str) -> None:
        """Owe a report to all that it goes to and that are not owed it yet.

        Raises:
            NotFound: there is no such report (any more).
            CatalogUnavailable: the catalog cannot be used.
        """
        report = await self._catalog.reports.by_id(report_id)
        owed = {delivery.channel for delivery in await self._catalog.deliveries.of_report(report_id)}
        goes_to = await self.owed_to(report.run_id)
        await self._catalog.deliveries.owe_report(report_id, [name for name in goes_to if name not in owed], at=self._now())
        if self._channels and not self._channels.keys() & set(goes_to):
            log.info("the report is neither posted nor mailed: the settings name no channel for it", report_id=report_id)
        self.wake()

    async def owed_to(self, run_id: str) -> tuple[str, ...]:
        """Return the names of all that the report of a run goes to.

        Raises:
            NotFound: there is no such run (any more).
            CatalogUnavailable: the catalog cannot be used.
        """
        names = await self._channels_for(await self._catalog.evaluation_runs.by_id(run_id))
        return names if self._recorder is None else (*names, self._recorder.name)

    async def _channels_for(self, run: RunRecord) -> tuple[str, ...]:
        if self._settings.send == "nightly" and run.configuration.get("scheduled_for") is None:
            return ()
        subject = Subject(owner=run.owner, set_name=await self._set_name(run))
        return tuple(name for name, channel in self._channels.items() if channel.takes(subject))

    async def _set_name(self, run: RunRecord) -> str | None:
        caller = Caller(owner=run.owner, principals=frozenset(run.configuration.get("principals", ())))
        try:
            return (await self._catalog.evaluation_sets.get(run.set_id, caller=caller)).name
        except NotFound:  # the run's owner may not read it any more
            return None

    async def send_due(self) -> None:
        """Try all that is due once; nothing where another process is at it.

        Raises:
            CatalogUnavailable: the catalog cannot be used.
        """
        if await self._catalog.deliveries.due(self._now(), limit=1):
            await self._send_while_ours()
        for state, n in (await self._catalog.deliveries.counts()).items():
            self._metrics.set_deliveries(state, n)

    async def _send_while_ours(self) -> None:
        leases, began_at = self._catalog.leases, self._now()
        holder = f"{socket.gethostname()[:32]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        try:
            while await leases.take(LEASE, holder=holder, ttl_s=LEASE_S):
                due = await self._catalog.deliveries.due(began_at, limit=AT_ONCE)
                if not due:
                    return
                for delivery in due:
                    if not await leases.take(LEASE, holder=holder, ttl_s=LEASE_S):
                        return
                    await self._try(delivery)
        finally:
            await leases.let_go(LEASE, holder=holder)

    async def _try(self, delivery: DeliveryRecord) -> None:
        try:
            async with asyncio.timeout(TRY_S):
                await self._send(delivery)
        except TimeoutError:
            await self._failed(delivery, f"It took longer than {TRY_S:.0f} s.")
        except (SendingFailed, FootnoteError) as error:
            await self._failed(delivery, str(error))
        except Exception as error:  # the supervisor of a delivery: one that stumbles must not stand in the way of the next
            log.exception("a delivery stumbled", delivery_id=delivery.id, channel=delivery.channel)
            await self._failed(delivery, f"An internal error ({type(error).__name__}); the log says more.")
        else:
            await self._catalog.deliveries.note_sent(delivery.id, at=self._now())
            await self._catalog.deliveries.bring_forward(delivery.channel, at=self._now())  # what did not arrive before may do so now
            log.info("passed on", delivery_id=delivery.id, channel=delivery.channel, **_subject(delivery))

    async def _failed(self, delivery: DeliveryRecord, error: str) -> None:
        moment = self._now()
        pause = next_try_after(moment - delivery.created_at, delivery.n_tries + 1)
        next_at = None if pause is None else moment + pause
        log.warning(
            "could not be passed on",
            delivery_id=delivery.id,
            channel=delivery.channel,
            error=error,
            next_at=None if next_at is None else next_at.isoformat(),
            **_subject(delivery),
        )
        await self._catalog.deliveries.note_failure(delivery.id, error=error[:MAX_ERROR_CHARS], next_at=next_at)

    async def _send(self, delivery: DeliveryRecord) -> None:
        if self._recorder is not None and delivery.channel == self._recorder.name and delivery.report_id is not None:
            report = await self._catalog.reports.by_id(delivery.report_id)
            await self._recorder.record(report.id, body_from_json(report.body))
            return
        channel = self._channels.get(delivery.channel)
        if channel is None:
            raise SendingFailed(f"The settings have no {delivery.channel} any more.")
        if delivery.report_id is not None:
            report = await self._catalog.reports.by_id(delivery.report_id)
            if delivery.channel not in await self.owed_to(report.run_id):  # it was owed by earlier settings
                raise SendingFailed(f"The settings name no {delivery.channel} for reports like this any more.")
        await channel.send(await self._message(delivery), delivery_id=delivery.id)

    async def _message(self, delivery: DeliveryRecord) -> Message:
        if delivery.alert_id is not None:
            return alert_message(await self._catalog.alerts.get(delivery.alert_id))
        report = await self._catalog.reports.by_id(delivery.report_id or "")
        run = await self._catalog.evaluation_runs.by_id(report.run_id)
        return report_message(
            report.id,
            body_from_json(report.body),
            url=url_of_report(self._server, report.id),
            scheduled_for=run.configuration.get("scheduled_for"),
        )


def _subject(delivery: DeliveryRecord) -> dict[str, str]:
    ids = {"report_id": delivery.report_id, "alert_id": delivery.alert_id}
    return {name: value for name, value in ids.items() if value is not None}


def _why_refused(error: ssl.SSLCertVerificationError) -> str:
    """Return what is wrong with a certificate, without the names in it, and what to do."""
    if error.verify_code in _OTHER_NAME:
        return "it is for another name than evaluation.email.host"
    if error.verify_code == _EXPIRED:
        return "it has expired"
    return "nobody whom this machine trusts vouches for it (SSL_CERT_FILE names a file of certificates to trust)"


_EXPIRED = 10
_OTHER_NAME = (62, 64)
"""Codes of OpenSSL's: the certificate has expired; it does not hold the host's name, or the address."""


def _words(error: Exception) -> str:
    """Return an error of a library by its class and status: its own words hold addresses, and what stands in a URL may be a secret."""
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{type(error).__name__} {error.smtp_code}"
    return type(error).__name__
