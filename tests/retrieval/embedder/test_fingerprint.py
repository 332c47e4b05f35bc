import pytest

from retrieval.embedder.fingerprint import model_fingerprint


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.json").write_text('{"hidden_size": 8}')
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text('{"pooling_mode": "mean"}')
    (tmp_path / "model.safetensors").write_bytes(b"head" + bytes(3 * 1024 * 1024) + b"tail")
    return tmp_path


def test_the_same_files_have_the_same_name(folder):
    assert model_fingerprint(folder) == model_fingerprint(folder)
    (folder / "README.md").write_text("a note")
    first = model_fingerprint(folder)
    (folder / "README.md").write_text("another note")
    assert model_fingerprint(folder) == first


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", b'{"hidden_size": 9}'),
        ("1_Pooling/config.json", b'{"pooling_mode": "cls"}'),
        ("vocab.txt", b"a"),
        ("model.safetensors", b"Head" + bytes(3 * 1024 * 1024) + b"tail"),
        ("model.safetensors", b"head" + bytes(3 * 1024 * 1024) + b"Tail"),
        ("model.safetensors", b"head" + bytes(4 * 1024 * 1024) + b"tail"),
        ("model.safetensors", b""),
    ],
)
def test_any_change_gives_another_name(folder, file, content):
    before = model_fingerprint(folder)
    (folder / file).write_bytes(content)
    assert model_fingerprint(folder) != before
