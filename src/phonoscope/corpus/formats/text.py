"""Text files as people keep them: any usual encoding, any line ends."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from phonoscope.errors import FormatError

if TYPE_CHECKING:
    from pathlib import Path

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def read_text(path: Path) -> str:
    r"""Read a text file: the encoding told by its mark (UTF-8, UTF-16), else UTF-8, else Latin-1; lines end in ``\n``.

    Raises
    ------
    FormatError
        The file can not be read, or is no text.
    """
    return decoded(path, read_bytes(path))


def read_bytes(path: Path) -> bytes:
    """Read a file.

    Raises
    ------
    FormatError
        It can not be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: OSError) -> FormatError:
    """Say that a file can not be read."""
    return FormatError(path, "", f"the file can not be read ({error.strerror})", "Make it readable, or remove it.")


def decoded(path: Path, content: bytes) -> str:
    """Decode a file's content, as `read_text` does."""
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            try:
                text = content[len(bom) :].decode(encoding)
            except UnicodeDecodeError as error:
                line = content[: len(bom) + error.start].decode(encoding, "ignore").count("\n") + 1
                problem = f"the bytes here are not {encoding.upper()}, which the file's mark promises"
                raise FormatError(path, f"line {line}", problem) from None
            break
    else:
        text = utf8_or_latin1(content)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        problem = "there are zero bytes, so this is not a text, or it is UTF-16 without its mark"
        raise FormatError(path, f"line {line}", problem)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def utf8_or_latin1(content: bytes) -> str:
    """Decode bytes as UTF-8, or where they are none as Latin-1."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")
