"""What reports and alerts say outside: a few numbers, ids and a link. No question, no answer, no document's text. Pure."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from evaluation.report.body import ReportBody
from evaluation.report.metric_words import HEADLINES, label
from evaluation.report.rendering.words import ACTIONS, percent, sentence
from footnote.core.catalog.alerts import AlertRecord
from footnote.core.settings import ServerSettings

_COLOURS = "color:#1a1a1a;background:#ffffff"


@dataclass(frozen=True, slots=True)
class Message:
    """What a channel passes on.

    Args:
        kind: what it is about.
        payload: for programs.
        subject: one line.
        text: the same for people, plain.
        page: the same as HTML.
    """

    kind: Literal["report", "alert"]
    payload: Mapping[str, Any]
    subject: str
    text: str
    page: str


def url_of_report(server: ServerSettings, report_id: str) -> str:
    """Return where a report is read: by how people reach the server, else by the address that it listens on."""
    host = f"[{server.host}]" if ":" in server.host else server.host
    return f"{(server.base_url or f'http://{host}:{server.port}').rstrip('/')}/v1/reports/{report_id}"


def report_message(report_id: str, body: ReportBody, *, url: str, scheduled_for: str | None) -> Message:
    """Return the message about a report."""
    action, why = ACTIONS[body.recommendation.action]
    of_set = f"{body.run.set_name}@{body.run.set_number}"
    because = [sentence(finding) for finding in body.recommendation.because]
    scores = [(label(name), str(body.scores[name])) for name in HEADLINES if name in body.scores]
    payload = {
        "type": "footnote.report",
        "report_id": report_id,
        "url": url,
        "run_id": body.run.run_id,
        "release_id": body.run.release_id,
        "set": {"id": body.run.set_id, "name": body.run.set_name, "number": body.run.set_number},
        "scheduled_for": scheduled_for,
        "finished_at": body.run.finished_at.isoformat(),
        "n_cases": body.run.n_cases,
        "n_unanswered_cases": body.run.n_unanswered_cases,
        "scores": {name: _figure(summary.as_json()) for name, summary in body.scores.items()},
        "recommendation": {
            "action": body.recommendation.action,
            "then": list(body.recommendation.then),
            "because": [
                {"code": finding.code, "metric": finding.metric, "numbers": dict(finding.numbers)}
                for finding in body.recommendation.because
            ],
        },
    }
    lines = [
        f"{action}. {why}",
        *(f"- {reason}" for reason in because),
        "",
        f"Set {of_set}, {body.run.n_cases} cases, {body.run.release_id}:",
    ]
    lines += [f"- {figure}" for _, figure in scores]
    return Message(
        kind="report",
        payload=payload,
        subject=f"footnote, {of_set}: {action.lower()}",
        text="\n".join([*lines, "", url, ""]),
        page=_page(
            f"<h1>{_e(action)}</h1><p>{_e(why)}</p>{_list(because)}<h2>{_e(of_set)}</h2>"
            f"<p>{body.run.n_cases} cases, {_e(body.run.release_id)}</p>{_list([figure for _, figure in scores])}",
            url,
        ),
    )


def alert_message(alert: AlertRecord) -> Message:
    """Return the message about an alert."""
    facts = alert.facts
    told = (
        f"Of {facts['n_claims']:.0f} claims in the drafts of the last 24 hours, {percent(facts['share'])} rest on passages "
        f"(between {percent(facts['low'])} and {percent(facts['high'])}), where {percent(facts['threshold'])} is the limit."
    )
    what_to_do = "You are told again when it has recovered and falls once more."
    return Message(
        kind="alert",
        payload={
            "type": "footnote.alert",
            "alert_id": alert.id,
            "name": alert.name,
            "raised_at": alert.raised_at.isoformat(),
            "facts": dict(facts),
        },
        subject=f"footnote: live answers rest on passages in {percent(facts['share'])} of claims",
        text=f"{told}\n{what_to_do}\n",
        page=_page(f"<h1>Live support is low</h1><p>{_e(told)}</p><p>{_e(what_to_do)}</p>", None),
    )


def _figure(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return a headline figure; which cases failed stands in the report."""
    return {name: value for name, value in summary.items() if name != "failures"}


def _page(content: str, url: str | None) -> str:
    link = "" if url is None else f'<p><a href="{_e(url)}">Read the report</a></p>'
    head = '<!doctype html><html lang="en"><head><meta charset="utf-8"></head>'
    return f'{head}<body style="font-family:sans-serif;{_COLOURS}">{content}{link}</body></html>'


def _list(items: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{_e(item)}</li>' for item in items)}</ul>" if items else ""


def _e(text: str) -> str:
    return html.escape(text)
