"""The example of a reverse proxy in the documentation lets the largest file through."""

import re
from pathlib import Path

from footnote.core.settings import ServerSettings
from serving.api.limits import FORM_OVERHEAD_BYTES

DEPLOYMENT = Path(__file__).parents[2] / "docs" / "deployment.md"


def test_the_proxy_accepts_the_largest_file_with_its_form():
    found = re.search(r"client_max_body_size (\d+)m;", DEPLOYMENT.read_text(encoding="utf-8"))
    assert found is not None
    most = ServerSettings.model_fields["max_upload_bytes"].default
    assert int(found[1]) * 1024 * 1024 >= most + FORM_OVERHEAD_BYTES
