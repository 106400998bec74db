"""Sentences that count things and name the first few."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SHOWN = 3


def listed(noun: str, what: str, names: Sequence[str]) -> Iterator[str]:
    """Give one sentence that counts the names and gives the first few; none without names."""
    if names:
        more = ", …" if len(names) > _SHOWN else ""
        yield f"{len(names):,} {noun}{'s' * (len(names) > 1)} {what}: {', '.join(names[:_SHOWN])}{more}."
