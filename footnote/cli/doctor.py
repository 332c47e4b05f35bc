"""``footnote doctor``: looks at everything that an installation needs, and says what to do about what is missing."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from footnote.cli.api_objects import PartState
from footnote.cli.connection import connect
from footnote.cli.failure import CommandFailed, as_failure
from footnote.cli.installation import check_language_model, check_model_packages, check_packages, check_python
from footnote.cli.json_documents import DoctorDocument, Finding
from footnote.cli.machine import check_data_directory, check_disk, check_memory
from footnote.cli.terminal import messages, output
from footnote.core.errors import FootnoteError
from footnote.core.settings import Settings

if TYPE_CHECKING:
    from retrieval.index.contract_check import ContractResult

MARKS = {"ok": "[green]ok[/]", "warn": "[yellow]warn[/]", "fail": "[red]fail[/]"}
PART_ADVICE = {
    "catalog": "Look at catalog.url, or at the disk and the rights of the data directory.",
    "index": "Look at index.url and whether the Qdrant server runs, or at the disk and the rights of the data directory.",
    "embedder": "Look at embedder.model, or at embedder.base_url and whether that server runs.",
    "generator": "Look at generator.model, or at generator.base_url and whether the model server runs.",
    "judge": "The judge needs the embedder.",
}


def examine(settings: Settings, *, contract: bool) -> DoctorDocument:
    """Run all checks; with ``contract`` also those of a Qdrant server, in a temporary collection."""
    checks: tuple[Callable[[Settings], list[Finding]], ...] = (
        check_python,
        check_packages,
        check_model_packages,
        check_language_model,
        check_memory,
        check_disk,
        check_data_directory,
        check_parts,
    )
    findings = [finding for check in checks for finding in check(settings)]
    if contract:
        findings += check_server_contract(settings)
    return DoctorDocument(ok=all(finding.status != "fail" for finding in findings), findings=findings)


def show_findings(document: DoctorDocument) -> None:
    """Print the table."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    table.add_column("check", overflow="fold")
    table.add_column("found", overflow="fold", ratio=1)
    for finding in document.findings:
        advice = f"\n[bold]→[/] {escape(finding.advice)}" if finding.advice and finding.status != "ok" else ""
        table.add_row(MARKS[finding.status], finding.check, escape(finding.detail) + advice)
    console = output()
    console.print(table)
    n_failed = sum(finding.status == "fail" for finding in document.findings)
    console.print("\n[green]footnote can work.[/]" if document.ok else f"\n[red]{n_failed} of the checks failed.[/]")


def check_parts(settings: Settings) -> list[Finding]:
    """Ask each part of the server whether it can do its work: models loaded, stores and model servers reached."""
    messages().print("[dim]Opening stores and models …[/]")
    try:
        with connect(settings) as client:
            return [part_finding(part) for part in client.readiness().parts]
    except CommandFailed as failure:
        return [Finding(check="server", status="fail", detail=failure.message, advice=failure.hint)]
    except FootnoteError as error:
        failure = as_failure(error)
        return [Finding(check="server", status="fail", detail=failure.message, advice=failure.hint)]


def part_finding(part: PartState) -> Finding:
    """Return what a part says about itself."""
    facts = ", ".join(f"{name} {value}" for name, value in part.facts.items() if value is not None)
    return Finding(
        check=part.name,
        status="fail" if not part.ready else "warn" if part.facts.get("collections_elsewhere") else "ok",
        detail=f"{part.detail} ({facts})" if facts else part.detail,
        advice=None if part.ready else PART_ADVICE.get(part.name),
    )


def check_server_contract(settings: Settings) -> list[Finding]:
    """Try on the Qdrant server what footnote asks of an index."""
    if settings.index.url is None:
        advice = "Set index.url, such as FOOTNOTE_INDEX__URL=http://qdrant:6333."
        return [Finding(check="contract", status="fail", detail="There is no Qdrant server in the settings.", advice=advice)]
    from retrieval.index.server_check import check_server  # noqa: PLC0415  # takes a second to import, and few ask for it

    return [_contract_finding(result) for result in check_server(settings.index)]


def _contract_finding(result: "ContractResult") -> Finding:
    check = f"contract: {result.operation}"
    if result.failure is None:
        return Finding(check=check, status="ok", detail="As expected.", advice=None)
    return Finding(
        check=check, status="fail", detail=result.failure, advice="Look at index.url and the server's log, or update the server."
    )
