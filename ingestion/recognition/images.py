"""Images, by the bytes that they begin with."""

import re

from ingestion.media_type import MediaType

_SIGNATURES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), MediaType.PNG),
    (re.compile(rb"\xff\xd8\xff"), MediaType.JPEG),
    (re.compile(rb"II[*+]\x00|MM\x00[*+]"), MediaType.TIFF),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), MediaType.WEBP),
    # The size of its second header tells a bitmap from anything else that begins with BM.
    (re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00", re.DOTALL), MediaType.BMP),
    (re.compile(rb"GIF8[79]a"), MediaType.GIF),
)


def image_type_of(head: bytes) -> MediaType | None:
    """Return the type of an image, None where it is none that is read."""
    return next((media_type for signature, media_type in _SIGNATURES if signature.match(head)), None)
