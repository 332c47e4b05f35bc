"""Settings: the environment, then the file, then the defaults; whatever does not fit is explained."""

import traceback
from pathlib import Path

import pytest

from footnote.core.errors import InvalidSettings
from footnote.core.settings import IngestionSettings, Settings, environment_name, jobs_at_once, load_settings, setting_names
from footnote.core.settings_reference import settings_reference

SECRET = "a-secret-that-nobody-may-see"
DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_file(text: str, name: str = "footnote.toml") -> None:
    Path(name).write_text(text, encoding="utf-8")


def test_without_anything_the_defaults_hold():
    settings = load_settings()
    assert (settings.data_dir, settings.server.host, settings.index.kind) == (Path("data"), "127.0.0.1", "edge")


def test_the_file_wins_over_defaults_the_environment_over_the_file_and_the_command_line_over_all(monkeypatch: pytest.MonkeyPatch):
    write_file('[server]\nport = 1\nmax_question_chars = 1\nmax_upload_bytes = 1\nbase_url = "http://file"')
    monkeypatch.setenv("FOOTNOTE_SERVER__MAX_QUESTION_CHARS", "2")
    monkeypatch.setenv("FOOTNOTE_SERVER__MAX_UPLOAD_BYTES", "2")
    server = load_settings({"server": {"max_upload_bytes": 3}}).server
    assert (server.port, server.max_question_chars, server.max_upload_bytes) == (1, 2, 3)
    assert (server.base_url, server.host) == ("http://file", "127.0.0.1")


def test_another_file_can_be_named(monkeypatch: pytest.MonkeyPatch):
    write_file("[server]\nport = 1")
    write_file("[server]\nport = 2", "other.toml")
    monkeypatch.setenv("FOOTNOTE_SETTINGS_FILE", "other.toml")
    assert load_settings().server.port == 2


def test_a_named_file_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FOOTNOTE_SETTINGS_FILE", "absent.toml")
    with pytest.raises(InvalidSettings, match=r"no settings file absent\.toml"):
        load_settings()


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch):
    write_file("[server]\nport = 1")
    monkeypatch.setenv("FOOTNOTE_SERVER__PORT", "")
    assert load_settings().server.port == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 1", "no setting prot."),
        ("[server]\nprot = 1", "no setting server.prot. Did you mean server.port?"),
        ("[retrievel]\nn_hits = 1", "no setting retrievel. Did you mean retrieval?"),
        ("[telemetry]\nzzz = 1", "no setting telemetry.zzz."),
        ("[server]\nport = 70000", "server.port: Input should be less than or equal to 65535."),
        ('[index]\nkind = "faiss"', "index.kind: Input should be 'edge' or 'qdrant'."),
        ('[index]\nkind = "qdrant"', "index.kind is `qdrant`, which needs index.url."),
        ('[embedder]\nkind = "openai"\nmodel = "m"', "which needs embedder.base_url and embedder.model."),
        ('[generator]\nkind = "openai"\nbase_url = "http://vllm/v1"', "which needs generator.base_url and generator.model."),
        ('[server]\nhost = "0.0.0.0"', "server.host is `0.0.0.0`, which other machines may reach"),
        ('[server]\nhost = "assistant.example.org"', "needs at least one of server.keys"),
        ("server = 1", "server: "),
        ("[server", "footnote.toml is not valid TOML: "),
    ],
)
def test_what_does_not_fit_in_the_file_is_explained(text: str, message: str):
    write_file(text)
    with pytest.raises(InvalidSettings) as caught:
        load_settings()
    assert message in str(caught.value)


def test_a_file_that_is_not_text_is_explained():
    Path("footnote.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidSettings, match="not valid TOML"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("FOOTNOTE_SERVER__PROT", "FOOTNOTE_SERVER__PORT"),
        ("FOOTNOTE_DATADIR", "FOOTNOTE_DATA_DIR"),
        ("FOOTNOTE_EMBEDER__MODEL", "FOOTNOTE_EMBEDDER__MODEL"),
    ],
)
def test_an_unknown_variable_names_the_nearest_one(monkeypatch: pytest.MonkeyPatch, name: str, nearest: str):
    monkeypatch.setenv(name, "1")
    with pytest.raises(InvalidSettings) as caught:
        load_settings()
    assert str(caught.value) == f"There is no setting {name}. Did you mean {nearest}?"
    assert caught.value.param == name


def test_variables_for_tests_for_benchmarks_and_of_other_programs_are_let_be(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FOOTNOTE_TEST_QDRANT_URL", "http://qdrant")
    monkeypatch.setenv("FOOTNOTE_BENCH_DATA", "")
    monkeypatch.setenv("SERVER__PROT", "1")
    load_settings()


def test_lists_are_json_in_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FOOTNOTE_SERVER__KEYS", f'[{{"key": "{SECRET}", "owner": "lab", "principals": ["a", "b"]}}]')
    (key,) = load_settings({"server": {"host": "0.0.0.0"}}).server.keys
    assert (key.key.get_secret_value(), key.owner, key.principals) == (SECRET, "lab", ("a", "b"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.7", "::1", "localhost"])
def test_loopback_needs_no_key(host: str):
    assert load_settings({"server": {"host": host}}).server.host == host


def test_secrets_are_never_printed():
    settings = load_settings({"index": {"api_key": SECRET}, "server": {"keys": [{"key": SECRET, "owner": "lab"}]}})
    for printed in (repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump())):
        assert SECRET not in printed


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FOOTNOTE_SERVER__KEYS", f'[{{"key": "{SECRET}"'),
        ("FOOTNOTE_SERVER__KEYS", f'[{{"key": "{SECRET}", "owner": ""}}]'),
        ("FOOTNOTE_SERVER__KEYS", f'["{SECRET}"]'),
        ("FOOTNOTE_SERVER", f'{{"keys": "{SECRET}"}}'),
    ],
)
def test_an_error_does_not_print_secrets_either(monkeypatch: pytest.MonkeyPatch, variable: str, value: str):
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidSettings) as caught:
        load_settings()
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_short_key_is_refused():
    with pytest.raises(InvalidSettings, match=r"server\.keys\.0\.key: .* 16"):
        load_settings({"server": {"keys": [{"key": "short", "owner": "lab"}]}})


@pytest.mark.parametrize("owner", ["footnote", " footnote "])
def test_a_key_for_footnotes_own_name_is_refused(owner: str):
    with pytest.raises(InvalidSettings, match=r"server\.keys\.0\.owner: .*footnote itself.*another name"):
        load_settings({"server": {"keys": [{"key": SECRET, "owner": owner}]}})


def test_settings_cannot_be_changed():
    settings = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.server.port = 1
    with pytest.raises(ValueError, match="frozen"):
        settings.data_dir = Path("other")


def test_every_setting_has_a_description():
    for name in setting_names():
        *sections, last = name.split(".")
        model = Settings
        for section in sections:
            model = model.model_fields[section].annotation
        assert model.model_fields[last].description, name


def test_the_reference_is_up_to_date_and_names_every_setting():
    reference = settings_reference()
    for name in setting_names():
        assert f"| `{name}` | `{environment_name(name)}` |" in reference
    committed = (DOCS / "settings.md").read_text(encoding="utf-8")
    assert committed == reference, "run: python -m footnote.core.settings_reference > docs/settings.md"


def test_the_reference_shows_a_file_that_works():
    example = settings_reference().split("```toml\n")[1].split("```")[0]
    write_file(example)
    settings = load_settings()
    assert (settings.server.host, settings.server.keys[0].owner, settings.generator.kind) == ("0.0.0.0", "research", "openai")


@pytest.mark.parametrize(("n_cores", "n_jobs"), [(None, 32), (2, 32), (12, 48), (64, 64)])
def test_enough_documents_are_on_their_way_that_their_writes_meet(
    monkeypatch: pytest.MonkeyPatch, n_cores: int | None, n_jobs: int
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: n_cores)
    assert jobs_at_once(IngestionSettings()) == n_jobs
    assert jobs_at_once(IngestionSettings(jobs_at_once=3)) == 3
