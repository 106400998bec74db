"""What tests of several parts share: the material outside the repository, and makers of small files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from zlib import crc32

import numba
import numpy as np
import pytest
import soundfile

from phonoscope.corpus.types import Corpus, Segment, Utterance
from phonoscope.signal.frames import FrameTable, SegmentTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from phonoscope.corpus.types import Split

    Labelled = tuple[float, float, str]
    Spoken = tuple[str, Split, Sequence[tuple[str, int]]]

# waiting threads shall sleep: by default they spin, and small kernels are a hundred times slower on a busy machine
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

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


@pytest.fixture(scope="session")
def sox() -> str:
    """The program SoX, which reads and writes SPHERE."""
    program = shutil.which("sox")
    if program is None:
        why = "SoX is not installed"
        if os.environ.get("CI"):
            pytest.fail(f"{why}, but CI has to compare with it")
        pytest.skip(why)
    return program


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest file first: the others go to the second process meanwhile."""
    items.sort(key=lambda item: item.path.name != "test_experiment.py")


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


def noise(seconds: float, rate: int, channels: int = 1, seed: int = 0) -> NDArray[np.float32]:
    shape = (round(seconds * rate), channels)
    return np.random.default_rng(seed).uniform(-0.5, 0.5, shape).astype(np.float32)


@pytest.fixture(scope="session")
def write_audio() -> WriteAudio:
    def write(path: Path, seconds: float = 1.0, *, rate: int = 16_000, channels: int = 1) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:  # by a handle: libsndfile refuses an extension in capitals for OGG
            kind = path.suffix[1:].upper()
            seed = crc32(str(path).encode(errors="replace"))  # no two files are the same recording
            soundfile.write(file, noise(seconds, rate, channels, seed), rate, format=kind)
        return path

    return write


@pytest.fixture
def numba_threads() -> Iterator[Callable[[int], None]]:
    """Sets the number of threads of numba's kernels, up to two."""
    before = numba.get_num_threads()
    if before < 2:
        pytest.skip("there is one processor only")
    yield numba.set_num_threads
    numba.set_num_threads(before)


class MakeFrames(Protocol):
    def __call__(
        self, spoken: Sequence[Spoken], phones: str, *, noise: float = 0.3, context: int = 2, seed: int = 0
    ) -> tuple[FrameTable, Corpus]: ...


@pytest.fixture(scope="session")
def make_frames() -> MakeFrames:
    """Makes a frame table without audio: each phone has its spectrum, to which noise is added.

    An utterance is (speaker, part, stretches), a stretch (phone, frames); a phone that is no phone is a pause.
    """

    def make(
        spoken: Sequence[Spoken], phones: str, *, noise: float = 0.3, context: int = 2, seed: int = 0
    ) -> tuple[FrameTable, Corpus]:
        draws = np.random.default_rng(seed)
        spectra = np.random.default_rng(0).standard_normal((len(phones) + 1, 22))  # the last one is the pause's
        static, labels, offset, count, rows, utterances = [], [], [], [], [], []
        at = 0
        for i, (speaker, split, stretches) in enumerate(spoken):
            said = [phones.find(phone) for phone, frames in stretches for _ in range(frames)]
            static.append(spectra[said] + noise * draws.standard_normal((len(said), 22)))
            labels += said
            offset.append(at)
            count.append(len(said))
            first, segments = 0, []
            for phone, frames in stretches:
                if phone in phones:
                    start, end = first / 100, (first + frames) / 100
                    segments.append(Segment(phone, start, end))
                    rows.append((i, phones.index(phone), start, end, at + first, at + first + frames))
                first += frames
            utterances.append(Utterance(f"u{i}", speaker, Path(f"u{i}.wav"), first / 100, tuple(segments), split))
            at += len(said)
        columns = [np.array(column) for column in zip(*rows, strict=True)]
        table = FrameTable(
            np.concatenate(static).astype(np.float32),
            draws.standard_normal((2, 22, 3)).astype(np.float32),
            np.arange(len(spoken), dtype=np.int32) % 2,
            np.array(labels, np.int16),
            np.array(offset),
            np.array(count),
            context,
            0.01,
            SegmentTable(*columns),
        )
        return table, Corpus("made", tuple(utterances), tuple(phones))

    return make
