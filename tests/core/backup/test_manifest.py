"""The manifest: sealed, ordered by time, and never leading out of the data directory."""

import json
from datetime import UTC, datetime

import pytest

from footnote.core.backup.manifest import CatalogPart, Manifest, Stored, from_text, manifest_name, to_text
from footnote.core.errors import UnusableBackup

HASH, OTHER = "a" * 64, "b" * 64


def manifest(**changes: object) -> Manifest:
    fields = {
        "format": 1,
        "footnote": "0.1",
        "created_at": datetime(2026, 11, 21, 9, tzinfo=UTC),
        "catalog": CatalogPart(kind="sqlite", revision="0002", rows={"files": 1}),
        "index": "edge",
        "files": {"catalog": Stored(sha256=HASH, size_bytes=3)},
        "blobs": {OTHER: 5},
    }
    return Manifest.model_validate({**fields, **changes})


def test_it_is_read_as_it_was_written():
    assert from_text(to_text(manifest()), name="m") == manifest()


def test_any_changed_character_of_the_content_is_noticed():
    text = to_text(manifest())
    assert '"files": 1' in text
    for changed in (text.replace('"files": 1', '"files": 2'), text.replace(OTHER, "c" * 64), text[:-10], "[]", "", '{"sha256": 1}'):
        with pytest.raises(UnusableBackup):
            from_text(changed, name="m")


def test_a_later_form_is_refused_by_its_number():
    content = json.loads(to_text(manifest())) | {"format": 2, "something": "new"}
    with pytest.raises(UnusableBackup, match="form 2"):
        from_text(json.dumps(content), name="m")


@pytest.mark.parametrize("path", ["/etc/passwd", "../outside", "index/../../outside", ""])
def test_no_file_leads_out_of_the_data_directory(path: str):
    with pytest.raises(ValueError, match="leads out"):
        manifest(files={path: Stored(sha256=HASH, size_bytes=3)})


def test_contents_are_files_and_blobs_without_the_damaged():
    assert manifest().contents() == {HASH: 3, OTHER: 5}
    assert manifest(damaged=(OTHER,)).contents() == {HASH: 3}


def test_names_sort_by_time():
    moments = [datetime(2026, 11, 21, 9, 0, 0, 5, tzinfo=UTC), datetime(2026, 11, 21, 9, 0, 0, 50, tzinfo=UTC)]
    assert sorted(manifest_name(moment) for moment in reversed(moments)) == [manifest_name(moment) for moment in moments]
