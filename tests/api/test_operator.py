"""What only the user who runs the server may ask of it."""

from collections.abc import Iterator

import pytest

from footnote.core.data_directory import DataDirectory
from tests.api.library import Library, Served, settings_in

KEY = "anna-0123456789abcdef"
PATH = "/v1/operator/index_snapshots"


@pytest.fixture(scope="module", params=[True, False], ids=["with keys", "without keys"])
def some(library: Library, request: pytest.FixtureRequest) -> Iterator[Served]:
    keys = [{"key": KEY, "owner": "anna"}] if request.param else []
    with library.serve(settings_in(library.services.settings.data_dir, server={"keys": keys})) as served:
        yield served


@pytest.mark.parametrize("secret", [None, KEY, "wrong"])
def test_a_key_is_not_enough(some: Served, secret: str | None) -> None:
    headers = {} if secret is None else {"authorization": f"Bearer {secret}"}
    with some.http() as client:
        answer = client.post(PATH, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "access_denied")


def test_who_reads_the_data_directory_gets_a_copy_of_the_index(library: Library, some: Served) -> None:
    directory = DataDirectory(library.services.settings.data_dir)
    with directory.owned():
        token = directory.announce(url=some.url, version="test").token.get_secret_value()
        with some.http(headers={"authorization": f"Bearer {token}"}) as client:
            answer = client.post(PATH)
    assert answer.status_code == 200
    assert list((directory.path / answer.json()["folder"]).rglob("index.json"))


def test_it_is_no_part_of_the_described_api(some: Served) -> None:
    with some.http() as client:
        described = client.get("/openapi.json").json()["paths"]
    assert not [path for path in described if "operator" in path]
