from footnote.core.types import Passage


def make_passage(
    n=1, text="Staff have 28 days of leave.", *, filename="handbook.pdf", page=3, heading="Leave", context="Leave", start=100, version=None
):
    return Passage(
        n=n,
        file_id=f"file-{n}",
        filename=filename,
        collection_id="vs_1",
        attachment_id=f"att_{n}",
        version_id=version or f"ver_{n}",
        chunk_ids=(f"chunk_{n}",),
        page=page,
        heading=heading,
        context=context,
        start=start,
        end=start + len(text),
        text=text,
        score=0.5,
        similarity=0.5,
    )
