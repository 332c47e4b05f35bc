"""Measures redaction on presidio_pii: precision and recall by kind, and how long a sentence takes.

    python -m bench.redaction --data DIR

A labelled span counts as found when all of it is covered, by whatever kind: what matters is that it cannot be read any more. A redaction
counts as right when it touches a labelled span of its kind, and as otherwise personal when it touches one of another kind.
"""

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.public_data import add_data_option, read_json_lines
from ingestion.redaction import Finding, presidio, without_overlaps

KINDS = ("EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "IP_ADDRESS", "URL", "US_SSN", "US_DRIVER_LICENSE", "DATE_TIME")
LABELS = {"URL": "DOMAIN_NAME"}
WITHOUT_PATTERN = ("PERSON", "STREET_ADDRESS", "GPE", "ORGANIZATION", "TITLE", "AGE", "NRP", "ZIP_CODE")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text with its labelled spans, as (kind, start, end)."""

    text: str
    spans: tuple[tuple[str, int, int], ...]


def sentences(data: Path) -> list[Sentence]:
    rows = read_json_lines(data / "presidio_pii" / "examples.jsonl.gz")
    return [Sentence(row["text"], tuple((span["type"], span["start"], span["end"]) for span in row["spans"])) for row in rows]


def covers(findings: Sequence[Finding], start: int, end: int) -> bool:
    return any(finding.start <= start and end <= finding.end for finding in findings)


def touches(finding: Finding, start: int, end: int) -> bool:
    return finding.start < end and start < finding.end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    parser.add_argument("--errors", metavar="KIND", help="print what was missed and wrongly marked of one kind")
    options = parser.parse_args()

    find = presidio(KINDS)
    labelled, found, marked, right, otherwise = Counter[str](), Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    cases = sentences(options.data)
    began = time.perf_counter()
    findings = [without_overlaps(find(case.text)) for case in cases]
    seconds = time.perf_counter() - began
    for case, chosen in zip(cases, findings, strict=True):
        for kind, start, end in case.spans:
            labelled[kind] += 1
            found[kind] += covers(chosen, start, end)
            if options.errors == kind and not covers(chosen, start, end):
                print("missed", repr(case.text[start:end]))
        for finding in chosen:
            label = LABELS.get(finding.kind, finding.kind)
            marked[label] += 1
            own = any(touches(finding, start, end) for kind, start, end in case.spans if kind == label)
            right[label] += own
            otherwise[label] += not own and any(touches(finding, start, end) for _, start, end in case.spans)
            if options.errors == label and not own:
                print("wrong ", repr(case.text[finding.start : finding.end]), "in", repr(case.text[:80]))
    print("| kind | labelled | recall | marked | precision | otherwise personal |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for kind in [LABELS.get(kind, kind) for kind in KINDS]:
        row = (kind, labelled[kind], share(found[kind], labelled[kind]), marked[kind], share(right[kind], marked[kind]), otherwise[kind])
        print("|", " | ".join(map(str, row)), "|")
    for kind in WITHOUT_PATTERN:
        print(f"| {kind} | {labelled[kind]} | {share(found[kind], labelled[kind])} | | | |")
    print(f"\n{1000 * seconds / len(cases):.1f} ms a sentence, {len(cases)} sentences")


def share(part: int, whole: int) -> str:
    return f"{part / whole:.2f}" if whole else ""


if __name__ == "__main__":
    main()
