"""What parsers of vendors raise on files that are damaged or lie about themselves.

A parser walks structures that the file describes, so a damaged file shows as almost any built-in error, from a failed look-up to a
recursion without end. They are translated into ``UnreadableDocument`` at the call of the parser and nowhere else.
"""

import struct
import zipfile
import zlib

MALFORMED_INPUT_ERRORS: tuple[type[Exception], ...] = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    RuntimeError,
    SyntaxError,  # lxml's parse errors are of this class
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
