from footnote.cli.api_objects import Attachment, IngestionJob
from footnote.cli.ingest_progress import StageTotals, stage_totals


def attachment(state: str, **counts: int) -> Attachment:
    status = state if state in ("completed", "failed") else "in_progress"
    return Attachment(id=state, created_at=0, status=status, usage_bytes=1, filename="", footnote=IngestionJob(state=state, counts=counts))


def test_nothing_is_done_of_nothing():
    assert stage_totals([]) == StageTotals(n_parsed=0, n_chunks=0, n_chunks_done=0, n_finished=0)


def test_each_stage_counts_what_has_passed_it():
    totals = stage_totals(
        [
            attachment("queued"),
            attachment("parsing"),
            attachment("chunking", pages=3),
            attachment("embedding", chunks=10, chunks_done=4),
            attachment("completed", chunks=7, chunks_done=7),
            attachment("failed"),
        ]
    )
    assert totals == StageTotals(n_parsed=4, n_chunks=17, n_chunks_done=11, n_finished=2)
