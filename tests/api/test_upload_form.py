"""A form reads the same however its bytes are cut on the way."""

import tracemalloc
from collections.abc import AsyncGenerator
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect

from footnote.core.errors import InvalidInput
from serving.api.upload_form import UploadForm

BOUNDARY = b"frontier"
CONTENT_TYPE = "multipart/form-data; boundary=frontier"


async def in_pieces(body: bytes, cuts: list[int]) -> AsyncGenerator[bytes]:
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    for start, end in pairwise(edges):
        yield body[start:end]


def form_with(content: bytes, *, purpose_first: bool) -> bytes:
    purpose = b'--frontier\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n'
    file = (
        b'--frontier\r\nContent-Disposition: form-data; name="file"; filename="f.bin"\r\nContent-Type: text/plain\r\n\r\n'
        + content
        + b"\r\n"
    )
    return (purpose + file if purpose_first else file + purpose) + b"--frontier--\r\n"


CONTENT = st.lists(st.sampled_from([b"\r\n", b"--frontier", b"-", b"--", b"\r", b"\n", b"a", b"\x00\xff"]), min_size=1, max_size=12).map(
    b"".join
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=CONTENT, cuts=st.lists(st.integers(0, 400), max_size=12), purpose_first=st.booleans())
async def test_the_bytes_come_through_whatever_the_cuts(content: bytes, cuts: list[int], purpose_first: bool) -> None:
    if b"\r\n--frontier" in b"\r\n" + content:
        return  # that would be the end of the part, by the format's own rule
    form = UploadForm(content_type=CONTENT_TYPE, stream=in_pieces(form_with(content, purpose_first=purpose_first), cuts))
    assert b"".join([piece async for piece in form.file_bytes()]) == content
    assert (form.record().filename, form.record().purpose) == ("f.bin", "assistants")


async def test_fields_that_mean_nothing_pass_by_and_are_not_kept() -> None:
    unknown = b"".join(b'--frontier\r\nContent-Disposition: form-data; name="n%d"\r\n\r\n%s\r\n' % (n, b"x" * 100_000) for n in range(50))
    body = unknown + form_with(b"content", purpose_first=True)
    form = UploadForm(content_type=CONTENT_TYPE, stream=in_pieces(body, list(range(0, len(body), 65_536))))
    tracemalloc.start()
    assert b"".join([piece async for piece in form.file_bytes()]) == b"content"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


async def test_a_header_without_end_is_refused() -> None:
    body = b'--frontier\r\nContent-Disposition: form-data; name="' + b"x" * 100_000
    form = UploadForm(content_type=CONTENT_TYPE, stream=in_pieces(body, list(range(0, len(body), 1_000))))
    with pytest.raises(InvalidInput, match="header"):
        [piece async for piece in form.file_bytes()]


async def test_a_client_that_has_gone_is_an_upload_that_was_cut_off() -> None:
    async def broken() -> AsyncGenerator[bytes]:
        yield form_with(b"content", purpose_first=True)[:-20]
        raise ClientDisconnect

    form = UploadForm(content_type=CONTENT_TYPE, stream=broken())
    with pytest.raises(InvalidInput, match="cut off"):
        [piece async for piece in form.file_bytes()]


@given(kept=st.integers(0, 220), cuts=st.lists(st.integers(0, 400), max_size=4))
async def test_a_form_that_is_cut_off_is_refused(kept: int, cuts: list[int]) -> None:
    body = form_with(b"some content", purpose_first=True)
    kept = min(kept, len(body) - len(b"--\r\n") - 1)
    form = UploadForm(content_type=CONTENT_TYPE, stream=in_pieces(body[:kept], cuts))
    with pytest.raises(InvalidInput):
        [piece async for piece in form.file_bytes()]


@given(st.binary(max_size=300))
async def test_noise_is_refused(noise: bytes) -> None:
    form = UploadForm(content_type=CONTENT_TYPE, stream=in_pieces(noise, []))
    with pytest.raises(InvalidInput):
        [piece async for piece in form.file_bytes()]
