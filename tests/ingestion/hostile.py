"""Files that attack their reader, each small and made in a moment."""

import os
import zlib
from pathlib import Path


def _write(path: Path, objects: list[bytes]) -> Path:
    content, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    content += b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF\n" % (
        size,
        table,
        size,
        len(content),
    )
    path.write_bytes(content)
    return path


def _stream(data: bytes, entries: bytes = b"") -> bytes:
    packed = zlib.compress(data)
    return b"<<%s/Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (entries, len(packed), packed)


def _page(resources: bytes) -> list[bytes]:
    return [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<<%s>>>>" % resources,
    ]


def memory_bomb(path: Path, *, n_mib: int) -> Path:
    """A PDF of some hundred kilobytes whose page unpacks to many megabytes of path."""
    unit = b"1 1 m 2 2 l S\n" * 75_000
    return _write(path, [*_page(b""), _stream(unit * n_mib)])


def endless_page(path: Path) -> Path:
    """A PDF of two kilobytes whose page draws a form that draws ten, each of which draws ten, and so on: 10^9 words."""
    font = b"/Font<</F 5 0 R>>"
    depth = 9
    objects = [*_page(font + b"/XObject<</X 6 0 R>>"), _stream(b"/X Do"), b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    for level in range(depth):
        last = level == depth - 1
        inner = font if last else b"/XObject<</X %d 0 R>>" % (7 + level)
        drawn = b"BT /F 9 Tf 50 50 Td (words) Tj ET" if last else b"/X Do " * 10
        objects.append(_stream(drawn, b"/Type/XObject/Subtype/Form/BBox[0 0 600 800]/Resources<<%s>>" % inner))
    return _write(path, objects)


def never_answering(path: Path) -> Path:
    """A file whose opening waits for ever, and takes no processor time."""
    os.mkfifo(path)
    return path
