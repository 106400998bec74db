"""Broken files for the readers: what happens to real ones, drawn at random."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

_SPLICES = (
    b"",
    b"\x00",
    b"\xff\xfe",
    b"nan",
    b"inf",
    b"-1",
    b"1e308",
    b"99999999999999999999",
    b'"',
    b"\n",
    b"\r",
    b"<",
    b"{",
    b"]",
)


def mutated(data: bytes, draws: Random) -> bytes:
    """Return a file's content with one to four things wrong: cut short, bytes changed, stretches repeated or moved."""
    content = bytearray(data)
    for _ in range(draws.randint(1, 4)):
        at = draws.randrange(len(content) + 1)
        length = min(draws.choice((1, 2, 8, 64)), len(content) - at)
        kind = draws.randrange(6)
        if kind == 0:
            del content[at:]
        elif kind == 1:
            content[at : at + length] = bytes(draws.randrange(256) for _ in range(length))
        elif kind == 2:
            del content[at : at + length]
        elif kind == 3:
            content[at:at] = content[at : at + length] * draws.choice((1, 2, 50))
        elif kind == 4:
            content[at : at + draws.choice((0, length))] = draws.choice(_SPLICES)
        else:
            other = draws.randrange(len(content) + 1)
            content[at : at + length] = content[other : other + length]
    return bytes(content)
