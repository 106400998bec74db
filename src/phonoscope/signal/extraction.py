"""The features of a whole corpus, recording by recording, on all cores, in a fixed order and in little memory."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from phonoscope.signal.features import with_deltas
from phonoscope.signal.recording import Stretch, recording_features
from phonoscope.workers import in_order

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from phonoscope.corpus.types import Utterance
    from phonoscope.settings import SignalSettings
    from phonoscope.workers import Workers

_THREADS = 4
"""Jobs up to which threads are enough: a quarter of the work holds Python's lock, while samples become numbers that
kaldi_native_fbank takes."""
_BATCH = 60.0
"""Seconds of speech that are handed to a job at a time: many short files would be lost in the handing over."""
_AHEAD = 2
"""Batches a job that may be under way: what is done too early waits in memory."""


class Extracted(NamedTuple):
    """What is kept of an utterance.

    Attributes
    ----------
    utterance
        Its index in the corpus.
    static
        Coefficients, shape (frames, n_mels).
    sums
        Over all frames, of static coefficients, deltas and delta-deltas; shape (n_mels, 3), float64.
    """

    utterance: int
    static: NDArray[np.float32]
    sums: NDArray[np.float64]


class _Recording(NamedTuple):
    path: Path
    utterances: list[int]
    stretches: list[Stretch]


def extract(
    utterances: Sequence[Utterance], settings: SignalSettings, jobs: int, workers: Workers | None = None
) -> Generator[Extracted]:
    """Compute the features of all utterances, every recording in one go; by `jobs` here, or by `workers`.

    Yields
    ------
    The utterances' features, recording after recording in the order in which the corpus names these first: whatever
    the number of jobs. No more are held than `jobs` need to stay busy.

    Raises
    ------
    AudioError, SettingError
        As `phonoscope.signal.recording.recording_features` does, for the first recording that is at fault.
    """
    batches = _batches(_recordings(utterances))
    if workers is not None:
        for batch_found in in_order(workers.map(_extract_batch, batches, shared=(settings,), name=_batch_name)):
            yield from batch_found
        return
    if jobs == 1:
        for batch in batches:
            yield from _extract_batch(batch, settings)
        return
    pool = _executor(jobs)
    running: deque[Future[list[Extracted]]] = deque()
    try:
        running.extend(pool.submit(_extract_batch, batch, settings) for batch in islice(batches, _AHEAD * jobs))
        while running:
            done = running.popleft().result()
            running.extend(pool.submit(_extract_batch, batch, settings) for batch in islice(batches, 1))
            yield from done
    finally:
        for waiting in running:
            waiting.cancel()
        pool.shutdown()


def _recordings(utterances: Sequence[Utterance]) -> Iterator[_Recording]:
    found: dict[Path, list[int]] = {}
    for i, utterance in enumerate(utterances):
        found.setdefault(utterance.audio, []).append(i)
    for path, of in found.items():
        yield _Recording(path, of, [Stretch(u.start, u.duration, u.channel) for u in (utterances[i] for i in of)])


def _batches(recordings: Iterable[_Recording]) -> Iterator[list[_Recording]]:
    batch: list[_Recording] = []
    seconds = 0.0
    for recording in recordings:
        batch.append(recording)
        seconds += sum(stretch.duration for stretch in recording.stretches)
        if seconds >= _BATCH:
            yield batch
            batch, seconds = [], 0.0
    if batch:
        yield batch


def _extract_batch(batch: Sequence[_Recording], settings: SignalSettings) -> list[Extracted]:
    found = []
    for path, utterances, stretches in batch:
        statics = recording_features(path, stretches, settings)
        for i, static in zip(utterances, statics, strict=True):
            found.append(Extracted(i, static, with_deltas(static).sum(axis=0, dtype=np.float64)))
    return found


def _batch_name(batch: Sequence[_Recording]) -> str:
    return f"the features of {batch[0].path} and {len(batch) - 1} more" if batch[1:] else f"those of {batch[0].path}"


def _executor(jobs: int) -> Executor:
    if jobs <= _THREADS:
        return ThreadPoolExecutor(jobs)
    # loky's needs no `if __name__ == "__main__"` in the caller's script
    from joblib.externals.loky import ProcessPoolExecutor  # noqa: PLC0415

    pool: Executor = ProcessPoolExecutor(jobs)
    return pool
