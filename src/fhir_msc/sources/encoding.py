"""What a file's text is written in: declared by the project, or detected in one pass over its bytes.

UTF-8 comes first, for text in another encoding is hardly ever valid UTF-8 by accident. Bytes that are not UTF-8 are
taken as Windows-1252, which the clinical world's older tools write, only where the whole file allows it: no byte that
Windows-1252 leaves undefined (https://www.unicode.org/Public/MAPPINGS/VENDORS/MICSFT/WINDOWS/CP1252.TXT), and no
character of more than one byte that is valid UTF-8, which would mean a damaged UTF-8 file.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from functools import partial
from typing import BinaryIO

from fhir_msc.errors import UsageError

UTF_8 = "utf-8"
WINDOWS_1252 = "windows-1252"
UTF_16 = "utf-16"

_CHUNK = 1 << 16
_UNDEFINED = (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d")
_INVALID = re.compile("[\udc80-\udcff]")
_MULTIBYTE = re.compile("[^\x00-\x7f\udc80-\udcff]")


def codec(encoding: str) -> str:
    """Python's codec for an encoding by name; UTF-8 is read with or without a byte order mark.

    Raises UsageError for a name that is none.
    """
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise UsageError(
            f"encoding {encoding!r} is not known", hint='Name it as in "utf-8", "windows-1252" or "iso-8859-1".'
        ) from None
    return "utf-8-sig" if name == "utf-8" else name


def detect(file: BinaryIO) -> str:
    """The encoding of a text file, read from its start to its end: UTF-8, UTF-16 (by its mark) or Windows-1252.

    A file that is none of them counts as UTF-8, so that reading it names the cell that is not.
    """
    if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return UTF_16
    file.seek(0)
    decoder = codecs.getincrementaldecoder(UTF_8)("surrogateescape")
    invalid = multibyte = undefined = False
    for chunk in iter(partial(file.read, _CHUNK), b""):
        text = decoder.decode(chunk)
        if not text.isascii():
            invalid = invalid or _INVALID.search(text) is not None
            multibyte = multibyte or _MULTIBYTE.search(text) is not None
            undefined = undefined or any(byte in chunk for byte in _UNDEFINED)
    invalid = invalid or bool(decoder.decode(b"", final=True))
    return WINDOWS_1252 if invalid and not multibyte and not undefined else UTF_8


def decoder_of_values(encoding: str | None) -> Callable[[bytes], str]:
    """Decodes one value at a time: as declared, or UTF-8 and else Windows-1252. Raises UnicodeDecodeError."""
    if encoding is not None:
        name = codec(encoding).removesuffix("-sig")
        return lambda raw: raw.decode(name)
    return _decode_value


def _decode_value(raw: bytes) -> str:
    try:
        return raw.decode(UTF_8)
    except UnicodeDecodeError:
        return raw.decode("cp1252")


def has_invalid(text: str) -> bool:
    """Whether text that was decoded with ``surrogateescape`` holds bytes that could not be decoded."""
    return _INVALID.search(text) is not None
