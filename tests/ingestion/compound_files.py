"""OLE compound files, as old office programs and Outlook write them, made byte by byte."""

import struct
from collections.abc import Mapping
from itertools import pairwise
from typing import Union

Storage = Mapping[str, Union[bytes, "Storage"]]

_SECTOR, _MINI = 512, 64
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def compound_file(root: Storage) -> bytes:
    """A file of version 3 whose streams are all short: they lie in the mini stream, which is the root's."""
    mini, mini_fat, entries = bytearray(), list[int](), list[bytes]()

    def stored(content: bytes) -> int:
        start, n = len(mini) // _MINI, -(-len(content) // _MINI)
        mini.extend(content.ljust(n * _MINI, b"\0"))
        mini_fat.extend([*range(start + 1, start + n), _END][:n])
        return start if n else _END

    def add(name: str, content: "bytes | Storage", kind: int) -> int:
        """Append an entry and those below it, siblings linked to the right, and return its place."""
        place = len(entries)
        entries.append(b"")
        children = []
        if not isinstance(content, bytes):
            children = [add(child, inner, 2 if isinstance(inner, bytes) else 1) for child, inner in content.items()]
            for before, after in pairwise(children):
                entries[before] = entries[before][:72] + struct.pack("<I", after) + entries[before][76:]
        encoded = name.encode("utf-16-le") + b"\0\0"
        start, size = (stored(content), len(content)) if isinstance(content, bytes) else (_END if kind == 5 else 0, 0)
        entries[place] = (
            encoded.ljust(64, b"\0")
            + struct.pack("<HBBIII", len(encoded), kind, 1, _FREE, _FREE, children[0] if children else _FREE)
            + bytes(36)
            + struct.pack("<IQ", start, size)
        )
        return place

    add("Root Entry", root, 5)
    sectors: list[bytes] = []
    fat: list[int] = [_FAT]

    def laid_out(content: bytes) -> int:
        start, n = 1 + len(sectors), -(-len(content) // _SECTOR)
        sectors.extend(content.ljust(n * _SECTOR, b"\0")[place * _SECTOR :][:_SECTOR] for place in range(n))
        fat.extend([*range(start + 1, start + n), _END][:n])
        return start if n else _END

    mini_start = laid_out(bytes(mini))
    entries[0] = entries[0][:116] + struct.pack("<IQ", mini_start, len(mini))
    mini_fat_bytes = struct.pack(f"<{len(mini_fat)}I", *mini_fat)
    padded = mini_fat_bytes + struct.pack("<I", _FREE) * (-len(mini_fat) % 128)
    mini_fat_start = laid_out(padded)
    directory_start = laid_out(b"".join([*entries, *[bytes(128)] * (-len(entries) % 4)]))
    assert len(fat) <= 128, "one sector of the allocation table is enough for the tests"
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIIII", 0, 1, directory_start, 0, 4096, mini_fat_start, len(padded) // _SECTOR, _END, 0, 0)
    header += struct.pack("<108I", *[_FREE] * 108)
    return header + struct.pack("<128I", *fat, *[_FREE] * (128 - len(fat))) + b"".join(sectors)


def outlook_message(*, subject: str, body: str, attachments: Mapping[str, bytes] = {}) -> bytes:
    """A message as Outlook saves it, from Ada to Ben."""

    def storage(header: bytes, texts: Mapping[int, str], numbers: Mapping[int, int], **streams: bytes) -> dict[str, bytes | Storage]:
        """Properties are listed in one stream; those of variable length have a stream of their own."""
        listed = b"".join(struct.pack("<HHIQ", 3, name, 6, value) for name, value in numbers.items())
        made: dict[str, bytes | Storage] = {}
        for name, value in texts.items():
            encoded = value.encode("utf-16-le")
            listed += struct.pack("<HHIQ", 0x1F, name, 6, len(encoded) + 2)
            made[f"__substg1.0_{name:04X}001F"] = encoded
        for name, value in streams.items():
            listed += struct.pack("<HHIQ", 0x102, int(name[1:], 16), 6, len(value))
            made[f"__substg1.0_{name[1:]}0102"] = value
        return {"__properties_version1.0": header + listed, **made}

    counts = struct.pack("<IIII", 1, len(attachments), 1, len(attachments))
    sender = {0x0C1A: "Ada", 0x0C1F: "ada@example.com", 0x5D01: "ada@example.com"}
    message = storage(bytes(8) + counts + bytes(8), {0x001A: "IPM.Note", 0x0037: subject, 0x1000: body, **sender}, {})
    message["__nameid_version1.0"] = {}
    message["__recip_version1.0_#00000000"] = storage(bytes(8), {0x3001: "Ben", 0x3003: "ben@example.com"}, {0x3000: 0})
    for number, (name, content) in enumerate(attachments.items()):
        kind = "text/plain" if name.endswith(".txt") else "application/pdf"
        message[f"__attach_version1.0_#{number:08X}"] = storage(
            bytes(8), {0x3707: name, 0x370E: kind}, {0x3705: 1, 0x0E20: len(content)}, _3701=content
        )
    return compound_file(message)
