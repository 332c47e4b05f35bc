"""Who may do what: keys, owners, principals, and pages of others."""

import base64
from collections.abc import Iterator

import openai
import pytest

from footnote.core.data_directory import DataDirectory
from footnote.core.settings import Settings
from tests.api.library import Library, Served, settings_in

ANNA, BERT, CARA = "anna-0123456789abcdef", "bert-0123456789abcdef", "cara-0123456789abcdef"
TEXT = "# Wine\n\nThe red wine is kept in the east cellar at fourteen degrees.\n"


@pytest.fixture(scope="module")
def keyed_settings(library: Library) -> Settings:
    keys = [
        {"key": ANNA, "owner": "anna", "principals": ["wine"]},
        {"key": BERT, "owner": "bert", "principals": ["wine"]},
        {"key": CARA, "owner": "cara"},
    ]
    return settings_in(library.services.settings.data_dir, server={"keys": keys})


@pytest.fixture(scope="module")
def keyed(library: Library, keyed_settings: Settings) -> Iterator[Served]:
    with library.serve(keyed_settings) as served:
        yield served


@pytest.fixture(scope="module")
def wine(keyed: Served) -> Iterator[tuple[str, str]]:
    """Anna's collection, which the principal wine may read, with one file."""
    with keyed.client(key=ANNA) as anna:
        store = anna.vector_stores.create(name="wine", extra_body={"principals": ["wine"]})
        file = anna.vector_stores.files.upload_and_poll(vector_store_id=store.id, file=("wine.md", TEXT.encode()))
        assert file.status == "completed"
        yield store.id, file.id
        anna.vector_stores.delete(store.id)
        anna.files.delete(file.id)


@pytest.mark.parametrize("path", ["/v1/models", "/v1/files", "/v1/vector_stores", "/sources/vs_default/file-1"])
@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Bearer", f"Basic {ANNA}", ANNA, "Bearer ä"])
def test_without_a_known_key_nothing_is_told(keyed: Served, path: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"authorization": authorization.encode("latin-1")}
    with keyed.http() as client:
        answer = client.get(path, headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == ("password_needed" if path.startswith("/sources") else "invalid_api_key")
    assert "www-authenticate" in answer.headers


def test_health_needs_no_key(keyed: Served) -> None:
    with keyed.http() as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 200


def test_readers_read_and_others_do_not_know_of_it(keyed: Served, wine: tuple[str, str]) -> None:
    store, file = wine
    with keyed.client(key=BERT) as bert:
        assert bert.vector_stores.search(store, query="red wine").data[0].file_id == file
        assert bert.vector_stores.files.content(file, vector_store_id=store).data[0].text
        assert f"kb:{store}" in [model.id for model in bert.models.list()]
        with pytest.raises(openai.PermissionDeniedError):
            bert.vector_stores.delete(store)
        with pytest.raises(openai.PermissionDeniedError):
            bert.vector_stores.files.delete(file, vector_store_id=store)
        with pytest.raises(openai.NotFoundError):  # the file itself is anna's alone
            bert.files.content(file)
    with keyed.client(key=CARA) as cara:
        assert f"kb:{store}" not in [model.id for model in cara.models.list()]
        for refused in (
            lambda: cara.vector_stores.retrieve(store),
            lambda: cara.vector_stores.search(store, query="wine"),
            lambda: cara.vector_stores.files.retrieve(file, vector_store_id=store),
            lambda: cara.vector_stores.files.content(file, vector_store_id=store),
            lambda: cara.vector_stores.files.create(store, file_id=file),
            lambda: cara.models.retrieve(f"kb:{store}"),
            lambda: cara.files.delete(file),
        ):
            with pytest.raises(openai.NotFoundError):
                refused()


def test_a_source_follows_the_rules_of_its_content_and_opens_in_a_browser(keyed: Served, wine: tuple[str, str]) -> None:
    store, file = wine
    start = TEXT.index("red wine") - 2
    path = f"/sources/{store}/{file}"
    with keyed.http() as client:
        page = client.get(path, params={"start": start, "end": start + 8}, headers={"authorization": f"Bearer {BERT}"})
        assert page.status_code == 200
        assert '<mark id="cited">' in page.text
        assert page.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"
        assert client.get(path, headers={"authorization": f"Bearer {CARA}"}).status_code == 404
        assert client.get(path, headers={"authorization": f"Bearer {BERT}"}, params={"start": 0, "end": 10_000}).status_code == 400
        assert client.get(path, headers={"authorization": f"Bearer {BERT}"}, params={"start": "x"}).status_code == 400
        asked = client.get(path)
        assert (asked.status_code, asked.headers["www-authenticate"]) == (401, 'Basic realm="footnote", charset="UTF-8"')
        password = base64.b64encode(f"anybody:{BERT}".encode()).decode()
        assert client.get(path, headers={"authorization": f"Basic {password}"}).status_code == 200
        assert client.get("/v1/models", headers={"authorization": f"Basic {password}"}).status_code == 401


def test_the_token_of_this_machine_is_accepted_beside_the_keys(library: Library, keyed: Served) -> None:
    directory = DataDirectory(library.services.settings.data_dir)
    with directory.owned():
        token = directory.announce(url=keyed.url, version="1").token.get_secret_value()
        with keyed.client(key=token) as local:
            assert local.models.list().data
    with keyed.client(key=token) as late, pytest.raises(openai.AuthenticationError):
        late.models.list()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "localhost:1"}, 200),
        ({"host": "[::1]:1"}, 200),
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"host": ""}, 403),
        ({"host": "[::1"}, 403),
        ({"origin": "http://localhost:3000"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_a_server_without_keys_refuses_pages_of_others(served: Served, headers: dict[str, str], status: int) -> None:
    with served.http() as client:
        assert client.get("/v1/models", headers=headers).status_code == status


def test_the_name_that_people_use_is_let_in(library: Library) -> None:
    settings = settings_in(library.services.settings.data_dir, server={"base_url": "https://kb.example/"})
    with library.serve(settings) as served, served.http() as client:
        headers = {"host": "kb.example", "origin": "https://kb.example"}
        assert client.get("/v1/models", headers=headers).status_code == 200
        assert client.get("/v1/models", headers={"host": "other.example"}).status_code == 403


def test_with_keys_any_name_is_let_in(keyed: Served) -> None:
    with keyed.http() as client:
        answer = client.get(
            "/v1/models", headers={"host": "kb.example", "origin": "https://app.example", "authorization": f"Bearer {ANNA}"}
        )
    assert answer.status_code == 200


def test_no_key_changes_the_default_collection_for_everybody_else(library: Library, keyed: Served) -> None:
    """Everybody attaches to it; re-indexing it is for who runs the server, who sends the token of this machine."""
    path = "/v1/vector_stores/default/reindex"
    changes = [
        ("", {}),
        ("/flip", {"accept_missing": True}),
        ("/flip_back", None),
        ("/cancel", None),
        ("/drop", None),
    ]
    with keyed.client(key=ANNA) as anna, keyed.http(headers={"authorization": f"Bearer {BERT}"}) as bert:
        file = anna.vector_stores.files.upload_and_poll(vector_store_id="default", file=("wine.md", TEXT.encode()))
        assert file.status == "completed"
        for change, body in changes:
            answer = bert.post(path + change, json=body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "access_denied"), change
        for act in ("process", "retry", "cancel"):
            assert bert.post(f"/v1/vector_stores/default/files/{file.id}/{act}").status_code == 403
        assert bert.delete(f"/v1/vector_stores/default/files/{file.id}").status_code == 403
        directory = DataDirectory(library.services.settings.data_dir)
        with directory.owned():
            token = directory.announce(url=keyed.url, version="1").token.get_secret_value()
            with keyed.http(headers={"authorization": f"Bearer {token}"}) as operator:
                assert operator.post(path, json={}).status_code == 200
                assert bert.post(f"{path}/cancel").status_code == 403
                assert operator.post(f"{path}/cancel").json()["status"] == "cancelled"
        anna.files.delete(file.id)
