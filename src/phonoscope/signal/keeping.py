"""Where the static coefficients of a corpus are kept: in memory, or if they are many in a file that is mapped."""

from __future__ import annotations

import hashlib
import json
import mmap
import shutil
import tempfile
from contextlib import closing, suppress
from dataclasses import astuple, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from phonoscope import __version__
from phonoscope.errors import FeaturesFileError
from phonoscope.files import written_whole
from phonoscope.signal.extraction import Extracted, extract

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from numpy.typing import NDArray

    from phonoscope.corpus.types import Corpus, Utterance
    from phonoscope.progress import Progress
    from phonoscope.settings import SignalSettings
    from phonoscope.workers import Workers

    Append = Callable[[Any], object]  # the coefficients of an utterance, shape (frames, n_mels)

IN_MEMORY = 1 << 30
"""Bytes of static coefficients that are kept in memory: 18 hours of speech with 40 filters."""
_STATIC, _INDEX = "static.f32", "index.npz"
_MADE_BY = ("kaldi-native-fbank", "soxr", "soundfile")


@dataclass(frozen=True)
class Index:
    """Which rows are whose, and the means to be taken off.

    Attributes
    ----------
    offset, count
        First row and number of frames of each utterance, shape (utterances,).
    means
        Means of static coefficients, deltas and delta-deltas, shape (groups, n_mels, 3), float32.
    mean_of
        Which of `means` is each utterance's, shape (utterances,).
    """

    offset: NDArray[np.int64]
    count: NDArray[np.int64]
    means: NDArray[np.float32]
    mean_of: NDArray[np.int32]


@dataclass(frozen=True)
class Kept:
    """The static coefficients of all utterances, shape (frames, n_mels), perhaps mapped from a file; their index."""

    static: NDArray[np.float32]
    index: Index


def keep_features(
    corpus: Corpus,
    settings: SignalSettings,
    *,
    jobs: int,
    progress: Progress,
    folder: Path | None = None,
    memory: int = IN_MEMORY,
    workers: Workers | None = None,
) -> Kept:
    """Compute the static coefficients of a corpus, or find them where they were left.

    Nothing is read twice: the sums that the means are made of are taken when an utterance is at hand. The numbers
    depend neither on the place nor on `jobs`.

    Parameters
    ----------
    corpus, settings
        What is read, and how.
    jobs
        Cores that may be used.
    progress
        Where to tell how far it is.
    folder
        Where what does not fit into memory is written, and found by a later call if no audio file has changed since;
        `forget_features` removes it. None: a temporary file that goes away by itself.
    memory
        Bytes that the coefficients may take in memory.
    workers
        Who reads the recordings in place of this machine's cores.

    Raises
    ------
    FeaturesFileError
        There is no room for the file, or it can not be written.
    AudioError, SettingError
        As `phonoscope.signal.extraction.extract` does.
    """
    n_mels = settings.n_mels
    rows = sum(int(1000 * u.duration / settings.hop_ms + 0.5) + 1 for u in corpus.utterances)
    size = 4 * rows * n_mels

    def fill(append: Append) -> Index:
        found = closing(extract(corpus.utterances, settings, jobs, workers))
        return _fill(append, corpus, settings, found, progress)

    if size <= memory:
        growing = _Growing(rows, n_mels)
        index = fill(growing.append)
        return Kept(growing.rows, index)
    where = folder or Path(tempfile.gettempdir())
    try:
        if folder is None:
            _check_room(where, size)
            with tempfile.TemporaryFile(dir=where) as file:
                index = fill(file.write)
                file.flush()
                return Kept(_mapped(file, n_mels), index)
        fingerprint = _fingerprint(corpus, settings)
        if found := _found(folder, fingerprint, n_mels):
            progress.say(f"features: as {folder} holds them")
            return found
        forget_features(folder)
        folder.mkdir(parents=True, exist_ok=True)
        _check_room(folder, size)
        return _written(folder, fingerprint, n_mels, fill)
    except OSError as error:
        raise FeaturesFileError(where, size, error.strerror or str(error)) from None


def forget_features(folder: Path) -> None:
    """Remove what `keep_features` left in a folder, interrupted or not, and the folder if nothing else is in it."""
    for name in (_STATIC, _INDEX, ".static.*.f32", ".index.*.npz"):
        for path in folder.glob(name):
            with suppress(OSError):  # some systems keep a file that is still mapped
                path.unlink()
    with suppress(OSError):
        folder.rmdir()


def _fill(
    append: Append,
    corpus: Corpus,
    settings: SignalSettings,
    extracting: closing[Generator[Extracted]],
    progress: Progress,
) -> Index:
    """Hand the coefficients of one utterance after the other to `append`, and make their index."""
    utterances = corpus.utterances
    offset, count = np.zeros((2, len(utterances)), np.int64)
    mean_of = np.zeros(len(utterances), np.int32)
    groups: dict[object, int] = {}
    sums: list[NDArray[np.float64]] = []
    frames: list[int] = []
    rows = 0
    with (
        progress.bar("features", len(utterances), "utterances") as advance,
        extracting as found,
    ):
        for i, static, total in found:
            append(static)
            offset[i], count[i] = rows, len(static)
            rows += len(static)
            mean_of[i] = group = groups.setdefault(_group(utterances[i], i, settings.normalise), len(groups))
            if group == len(sums):
                sums.append(np.zeros_like(total))
                frames.append(0)
            if settings.normalise != "none":
                sums[group] += total
                frames[group] += len(static)
            advance(1)
    means = [total / max(n, 1) for total, n in zip(sums, frames, strict=True)]
    return Index(offset, count, np.array(means, np.float32).reshape(-1, settings.n_mels, 3), mean_of)


def _group(utterance: Utterance, index: int, normalise: str) -> object:
    """Name the group of utterances that share one mean."""
    return {"none": None, "utterance": index, "speaker": utterance.speaker, "corpus": None}[normalise]


class _Growing:
    """An array of rows that are added; it is made for as many as are expected."""

    def __init__(self, expected: int, n_mels: int) -> None:
        self._rows = np.empty((expected, n_mels), np.float32)
        self._filled = 0

    def append(self, rows: NDArray[np.float32]) -> None:
        """Copy some rows behind those that are there."""
        last = self._filled + len(rows)
        if last > len(self._rows):  # a header may promise less than there is
            longer = np.empty((last + last // 8, self._rows.shape[1]), np.float32)
            longer[: self._filled] = self.rows
            self._rows = longer
        self._rows[self._filled : last] = rows
        self._filled = last

    @property
    def rows(self) -> NDArray[np.float32]:
        """All that were added."""
        return self._rows[: self._filled]


def _check_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size:
        raise FeaturesFileError(folder, size, f"there are {free / 1e9:.1f} GB")


def _mapped(file: BinaryIO, n_mels: int) -> NDArray[np.float32]:
    """Map a whole file of coefficients, read-only; it stays mapped when the file is closed."""
    if file.seek(0, 2) == 0:  # of nothing there is no map
        return np.empty((0, n_mels), np.float32)
    return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.float32).reshape(-1, n_mels)


def _written(folder: Path, fingerprint: str, n_mels: int, fill: Callable[[Append], Index]) -> Kept:
    """Write coefficients and index; the index, which comes last, says that both are whole."""
    with written_whole([folder / _STATIC, folder / _INDEX]) as (static, about):
        with static.open("wb") as file:
            index = fill(file.write)
        np.savez(about, fingerprint=fingerprint, **vars(index))
    with (folder / _STATIC).open("rb") as file:
        return Kept(_mapped(file, n_mels), index)


def _found(folder: Path, fingerprint: str, n_mels: int) -> Kept | None:
    """Return what an earlier call left, if it was the same; else None."""
    try:
        with np.load(folder / _INDEX, allow_pickle=False) as stored:
            if str(stored["fingerprint"]) != fingerprint:
                return None
            index = Index(*(stored[field.name] for field in fields(Index)))
        with (folder / _STATIC).open("rb") as file:
            static = _mapped(file, n_mels)
    except (OSError, ValueError, KeyError):
        return None
    return Kept(static, index) if len(static) == index.count.sum() else None


def _fingerprint(corpus: Corpus, settings: SignalSettings) -> str:
    """Return a name that other settings, another corpus, files that changed and other libraries do not share."""
    told = hashlib.blake2b(json.dumps([astuple(settings), __version__, *map(version, _MADE_BY)]).encode())
    for u in corpus.utterances:
        try:
            status = u.audio.stat()
            file = [status.st_size, status.st_mtime_ns]
        except OSError:  # to be told when it is read
            file = []
        told.update(json.dumps([u.id, u.speaker, str(u.audio), u.start, u.duration, u.channel, file]).encode())
    return told.hexdigest()
