"""What tests of several parts share: the material outside the repository, and makers of small files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pytest
import soundfile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Labelled = tuple[float, float, str]

SHARED = Path(__file__).resolve().parents[2] / "shared"


def shared(relative: str) -> Path:
    path = SHARED / relative
    if not path.exists():
        why = f"{relative} is not beside the repository"
        if os.environ.get("CI"):
            pytest.fail(f"{why}, but CI has to have it")
        pytest.skip(why)
    return path


@pytest.fixture(scope="session")
def french_prompts() -> Path:
    """The corpus of real French speech; too large for the repository."""
    return shared("corpora/french-prompts")


class WriteGrid(Protocol):
    def __call__(
        self, path: Path, intervals: Sequence[Labelled], *, tier: str = "phones", end: float | None = None
    ) -> Path: ...


class WriteAudio(Protocol):
    def __call__(self, path: Path, seconds: float = 1.0, *, rate: int = 16_000, channels: int = 1) -> Path: ...


def textgrid_text(intervals: Sequence[Labelled], *, tier: str = "phones", end: float | None = None) -> str:
    """A TextGrid of one tier in Praat's long format."""
    last = (intervals[-1][1] if intervals else 1.0) if end is None else end
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0 ", f"xmax = {last!r} "]
    lines += [
        "tiers? <exists> ",
        "size = 1 ",
        "item []: ",
        "    item [1]:",
        '        class = "IntervalTier" ',
    ]
    lines += [f'        name = "{tier}" ', "        xmin = 0 ", f"        xmax = {last!r} "]
    lines += [f"        intervals: size = {len(intervals)} "]
    for i, (start, stop, label) in enumerate(intervals, 1):
        doubled = label.replace('"', '""')
        lines += [
            f"        intervals [{i}]:",
            f"            xmin = {start!r} ",
            f"            xmax = {stop!r} ",
        ]
        lines += [f'            text = "{doubled}" ']
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def write_grid() -> WriteGrid:
    def write(path: Path, intervals: Sequence[Labelled], *, tier: str = "phones", end: float | None = None) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textgrid_text(intervals, tier=tier, end=end), encoding="utf-8")
        return path

    return write


def noise(seconds: float, rate: int, channels: int = 1) -> NDArray[np.float32]:
    shape = (round(seconds * rate), channels)
    return np.random.default_rng(0).uniform(-0.5, 0.5, shape).astype(np.float32)


@pytest.fixture(scope="session")
def write_audio() -> WriteAudio:
    def write(path: Path, seconds: float = 1.0, *, rate: int = 16_000, channels: int = 1) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:  # by a handle: libsndfile refuses an extension in capitals for OGG
            kind = path.suffix[1:].upper()
            soundfile.write(file, noise(seconds, rate, channels), rate, format=kind)
        return path

    return write
