"""Samples of a panel cut out of their recordings, to listen to or to open in Praat."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
import soundfile

from phonoscope.corpus.built_in import built_in_corpus
from phonoscope.corpus.phone_times import Interval
from phonoscope.corpus.reading import read_corpus
from phonoscope.corpus.textgrid_writing import text_grid
from phonoscope.errors import OutputFolderError, RunDirectoryError, SampleError
from phonoscope.experiment import BUILT_IN
from phonoscope.files import write_text, written_whole
from phonoscope.jobs import resolve_jobs
from phonoscope.progress import Progress, Quiet
from phonoscope.rundir import read_config
from phonoscope.signal.audio import audio_info, load_audio

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from phonoscope.corpus.types import Corpus, Utterance

_UNSAFE = re.compile(r"[^\w.~+-]+")
_SAME = 1e-6
"""Seconds; times of one corpus read twice are the same but for their way through a file."""


class Cut(NamedTuple):
    """The two files of a sample."""

    audio: Path
    grid: Path


def cut_samples(
    run: Path | str,
    samples: Iterable[int],
    *,
    out: Path | str | None = None,
    context: float = 0.5,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> list[Cut]:
    """Cut samples of a run's panel out of their recordings, each with its TextGrid.

    The audio keeps the recording's rate and its samples as they are (the mean of several channels, unless the corpus
    names one); the TextGrid has the phones that the run knows, the sample's own phone, and its moment, 10 ms long.

    Parameters
    ----------
    run
        The run's folder.
    samples
        Numbers of samples, as in the column `sample` of `panel.parquet`.
    out
        A folder for the files; `samples` in the run's folder if None.
    context
        Seconds kept before and after the phone, as far as the utterance goes; infinite: all of it.
    jobs
        Processes for reading the corpus [all cores].
    progress
        Where to tell how far it is.

    Returns
    -------
    Of each sample its two files, `SAMPLE-PHONE-UTTERANCE.wav` and `.TextGrid`.

    Raises
    ------
    RunDirectoryError
        The folder holds no run with a panel, or one of a corpus that was given from Python.
    SampleError
        There is no such sample, or the corpus is no longer what it was.
    OutputFolderError
        The files can not be written.
    CorpusError
        The corpus can not be read any more.
    """
    run = Path(run)
    settings, about = read_config(run)
    if not (run / "panel.parquet").exists():
        way_out = "give the command that began it again, and it goes on"
        msg = f"{run}: this run has no panel yet (panel.parquet is missing); {way_out}"
        raise RunDirectoryError(msg)
    panel = pl.read_parquet(run / "panel.parquet", glob=False)
    rows = {row["sample"]: row for row in panel.iter_rows(named=True)}
    samples = list(dict.fromkeys(samples))
    for sample in samples:
        if sample not in rows:
            raise SampleError(run, f"there is no sample {sample}; they go from {min(rows)} to {max(rows)}")
    if not context >= 0:
        raise SampleError(run, f"--context {context:g}: it has to be 0 or more seconds")
    progress, jobs, source = progress or Quiet(), resolve_jobs(jobs), about["corpus"]
    if source == BUILT_IN:
        corpus = built_in_corpus(settings, jobs=jobs, progress=progress)
    elif Path(source).is_absolute():
        corpus = read_corpus(source, settings, jobs=jobs, progress=progress)
    else:
        msg = f"{run}: the corpus of this run was given from Python, and where it lies is not known"
        raise RunDirectoryError(msg)
    folder = run / "samples" if out is None else Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_cut(rows[sample], _utterance(run, rows[sample], corpus), folder, context) for sample in samples]
    except OSError as error:
        raise OutputFolderError(folder, f"can not be written ({error.strerror})") from None


def _utterance(run: Path, row: Mapping[str, object], corpus: Corpus) -> Utterance:
    """Find the utterance of a sample, and see that it still has the sample's segment."""
    found = next((u for u in corpus.utterances if u.id == row["utterance"]), None)
    if found is None:
        raise SampleError(run, f"the corpus has no utterance {row['utterance']!r} any more")
    start, end = float(str(row["start"])), float(str(row["end"]))
    for segment in found.segments:
        if segment.phone == row["phone"] and abs(segment.start - start) < _SAME and abs(segment.end - end) < _SAME:
            return found
    problem = f"{row['utterance']!r} has no /{row['phone']}/ at {start:.3f} s any more: the corpus was changed"
    raise SampleError(run, problem)


def _cut(row: Mapping[str, object], u: Utterance, folder: Path, context: float) -> Cut:
    rate = audio_info(u.audio).rate
    start, end, time = (float(str(row[name])) for name in ("start", "end", "time"))
    # whole samples of the recording, so that the TextGrid lies on the audio exactly
    first = round(max(0.0, start - context) * rate)
    last = max(round(min(u.duration, end + context) * rate), first + 1)
    samples = load_audio(u.audio, rate, start=u.start + first / rate, duration=(last - first) / rate, channel=u.channel)
    n = len(samples)

    def at(seconds: float) -> int:
        return min(max(round(seconds * rate) - first, 0), n)

    phones = [(s.phone, at(s.start), at(s.end)) for s in u.segments]
    own = [(str(row["phone"]), at(start), at(end))]
    moment = [("sample", at(time - 0.005), at(time + 0.005))]
    tiers: dict[str, Sequence[Interval]] = {
        "phones": _tier(phones, n),
        "sample": _tier(own, n),
        "moment": _tier(moment, n),
    }
    stem = f"{row['sample']}-{_safe(str(row['phone']))}-{_safe(u.id)}"
    cut = Cut(folder / f"{stem}.wav", folder / f"{stem}.TextGrid")
    with written_whole([cut.audio]) as (temporary,):
        stored = _as_stored(samples)
        soundfile.write(temporary, stored, rate, subtype="PCM_16" if stored.dtype == np.int16 else "FLOAT")
    write_text(cut.grid, text_grid(tiers, rate))
    return cut


def _tier(intervals: Iterable[tuple[str, int, int]], n: int) -> list[Interval]:
    """Fill the gaps between intervals, so that they go from sample 0 to `n`."""
    tier, before = [], 0
    for label, first, last in intervals:
        if last <= first:
            continue
        if first > before:
            tier.append(Interval("", before, first))
        tier.append(Interval(label, first, last))
        before = last
    if before < n or not tier:
        tier.append(Interval("", before, n))
    return tier


def _as_stored(samples: NDArray[np.float32]) -> NDArray[np.int16] | NDArray[np.float32]:
    """Return samples as 16-bit numbers if they are such, else as they are: nothing is rounded."""
    scaled = samples.astype(np.float64) * 32_768
    whole = np.rint(scaled)
    if np.array_equal(whole, scaled) and whole.max(initial=0) < 32_768:  # noqa: PLR2004 - 1.0 is no 16-bit sample
        return whole.astype(np.int16)
    return samples


def _safe(name: str) -> str:
    """Make a name that every system takes for a file's."""
    return _UNSAFE.sub("_", name)[:120]
