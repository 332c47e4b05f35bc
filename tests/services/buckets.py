"""Buckets for tests, on the S3-compatible store that ``FOOTNOTE_TEST_S3_ENDPOINT`` names, as ``make test-services`` does."""

import os
import uuid
from urllib.request import ProxyHandler, Request, build_opener

S3_ENDPOINT = os.environ.get("FOOTNOTE_TEST_S3_ENDPOINT")


def create_bucket() -> str:
    """Return the name of a new bucket."""
    name = f"footnote-{uuid.uuid4().hex[:12]}"
    # Moto asks for no signature: enough for this one request.
    with build_opener(ProxyHandler({})).open(Request(f"{S3_ENDPOINT}/{name}", method="PUT"), timeout=30):
        return name
