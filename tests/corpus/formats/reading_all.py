"""What the tests of all formats do: read a folder through a format, and put files into one."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from corpus.mutating import mutated
from phonoscope.corpus.tree import Tree
from phonoscope.errors import PhonoscopeError
from phonoscope.settings import CorpusSettings

if TYPE_CHECKING:
    from pathlib import Path

    from phonoscope.corpus.source import Format, Spoken


def read_all(form: Format, root: Path, *, tier: str = "") -> list[Spoken]:
    """Read everything; the first error is raised."""
    found = []
    for unit in form.listing(Tree(root), CorpusSettings(tier=tier)).units:
        for spoken in unit.read():
            if isinstance(spoken, Exception):
                raise spoken
            found.append(spoken)
    return found


def put(path: Path, content: str | bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(form: Format, root: Path, *, tier: str = "") -> str:
    """Return the message that reading ends with."""
    with pytest.raises(PhonoscopeError) as caught:
        read_all(form, root, tier=tier)
    return str(caught.value)


def fuzzed(form: Format, root: Path, path: Path, data: bytes, seed: int, n: int) -> int:
    """Read broken versions of a file; return how many were refused. Nothing but named errors may come out."""
    refused = 0
    draws = random.Random(seed)  # noqa: S311 (no secret)
    for _ in range(n):
        path.write_bytes(mutated(data, draws))
        problem, spoken = "", []
        try:
            spoken = read_all(form, root)
        except PhonoscopeError as error:
            problem = str(error)
        refused += bool(problem)
        assert "\n" not in problem
        assert all(i.end >= i.start for s in spoken for i in s.intervals)
    return refused
