# ruff: noqa: INP001 - a script, not a package
"""Measure how corpora of some hours are read: time, cores, memory; and the features beside what a user would pick.

``python benchmarks/reading.py`` simulates corpora of 1, 3 and 10 hours in a temporary folder, measures, and writes
benchmarks/reading.json and docs/size.md. No run is needed. Ten hours take 1.5 GB of disk space.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile
from features_beside import ARRAYS, LOOP, sides
from measuring import OURS, cores, in_turn, once
from run_all import machine
from tables import number, table

from phonoscope.corpus.synth import built_in_corpus_folder
from phonoscope.files import write_text
from phonoscope.progress import progress_for
from phonoscope.settings import Settings, SignalSettings, SynthSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from phonoscope.signal.frames import FrameTable

_HERE = Path(__file__).parent
_RESULTS, _PAGE = _HERE / "reading.json", _HERE.parent / "docs" / "size.md"
_HOUR = 3600.0
_LONG = 1800.0  # seconds of a long recording
_WINDOWS = 50_000
_TARGET = 100  # hours


def simulate(source: Path, folder: Path, hours: float, jobs: int) -> None:
    """Write a corpus: the built-in one again and again, each time under other names and at another loudness."""
    files = sorted(source.rglob("*.flac"))
    seconds = 0.0
    with ThreadPoolExecutor(jobs) as pool:
        for copy, path in _copies(files):
            if seconds >= _HOUR * hours:
                break
            info = soundfile.info(path)
            seconds += info.frames / info.samplerate
            part, voice, name = path.relative_to(source).parts
            pool.submit(_perturb, path, folder / part / f"{copy:02}-{voice}" / name, copy)


def _copies(files: Sequence[Path]) -> Iterator[tuple[int, Path]]:
    for i, path in enumerate(cycle(files)):
        yield i // len(files), path


def _perturb(source: Path, target: Path, copy: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    samples, rate = soundfile.read(source, dtype="float32")
    gain = np.random.default_rng([copy, len(samples)]).uniform(0.4, 0.9)
    soundfile.write(target, gain * samples, rate)
    target.with_suffix(".TextGrid").write_bytes(source.with_suffix(".TextGrid").read_bytes())


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def read(folder: Path, jobs: int, *, mapped: bool) -> dict[str, Any]:
    """Read a corpus and its features, measuring both, and gather windows as training does."""
    from phonoscope.corpus.reading import read_corpus  # noqa: PLC0415 - in the child only
    from phonoscope.signal.frames import read_frames  # noqa: PLC0415

    settings = Settings()
    start = _cpu()
    corpus = once(lambda: read_corpus(folder, settings, jobs=jobs))
    middle = _cpu()
    with TemporaryDirectory(dir=folder.parent) as scratch:
        kept = {"memory": 0, "folder": Path(scratch)} if mapped else {"memory": 1 << 62}
        frames = once(lambda: read_frames(corpus.result, settings.signal, jobs=jobs, **kept))
        end = _cpu()
        return {
            "seconds": corpus.result.seconds,
            "utterances": len(corpus.result.utterances),
            "frames": len(frames.result.static),
            "corpus_s": corpus.seconds,
            "corpus_cpu": middle - start,
            "corpus_mib": corpus.memory,
            "features_s": frames.seconds,
            "features_cpu": end - middle,
            "features_mib": frames.memory,
            "window_us": _window_us(frames.result),
        }


def _window_us(frames: FrameTable) -> float:
    """Return the microseconds that a window takes, of windows in random order in batches as in training."""
    rows = np.random.default_rng(0).integers(0, len(frames.static), _WINDOWS)
    frames.windows(rows[:256])
    start = time.perf_counter()
    for first in range(0, len(rows), 256):
        frames.windows(rows[first : first + 256])
    return 1e6 * (time.perf_counter() - start) / len(rows)


def long_recordings(folder: Path, jobs: int) -> dict[str, Any]:
    """Make recordings of half an hour of a corpus's files, two channels at 48 kHz, and read their utterances."""
    from phonoscope.corpus.types import Corpus, Utterance  # noqa: PLC0415
    from phonoscope.signal.frames import read_frames  # noqa: PLC0415

    utterances = []
    files = sorted(folder.rglob("*.flac"))
    with TemporaryDirectory(dir=folder.parent) as scratch:
        for number_of in range(2):
            path = Path(scratch) / f"{number_of}.flac"
            with soundfile.SoundFile(path, "w", 48_000, 2) as recording:
                at = 0.0
                for i, file in enumerate(islice(cycle(files), number_of * 700, None)):
                    samples, rate = soundfile.read(file, dtype="float32")
                    wide = np.zeros((3 * len(samples), 2), np.float32)  # to 48 kHz, crudely
                    wide[:, i % 2] = np.repeat(samples, 3)
                    recording.write(wide)
                    length = len(samples) / rate
                    utterances.append(
                        Utterance(f"{number_of}-{i}", str(i % 2), path, length, (), start=at, channel=i % 2)
                    )
                    at += length
                    if at > _LONG:
                        break
        corpus = Corpus("long", tuple(utterances), ("a",))
        start = _cpu()
        frames = once(lambda: read_frames(corpus, SignalSettings(), jobs=jobs, memory=0))
        return {
            "seconds": corpus.seconds,
            "utterances": len(utterances),
            "features_s": frames.seconds,
            "features_cpu": _cpu() - start,
            "features_mib": frames.memory,
        }


def checked(folder: Path, jobs: int) -> dict[str, Any]:
    """Measure what `phonoscope check` does before it prints: all labels, and all audio once."""
    from phonoscope.checkup import check  # noqa: PLC0415 - in the child only

    found = once(lambda: check(folder, jobs=jobs))
    return {"seconds": 60 * found.result.minutes, "check_s": found.seconds, "check_mib": found.memory}


def compared(folder: Path) -> dict[str, Any]:
    """Measure features of some minutes of speech beside what a user would pick instead, one core each."""
    audio = [soundfile.read(path, dtype="float32")[0] for path in islice(sorted(folder.rglob("*.flac")), 100)]
    ways = sides()
    found = in_turn({name: _all_of(way, audio) for name, way in ways.items()})
    ours = np.concatenate(found[OURS].result)
    return {
        name: {
            "times": sum(map(len, audio)) / 16_000 / one.seconds,
            # others' frames are not the same
            "differs": float(np.abs(np.concatenate(one.result) - ours).max()) if name in (LOOP, ARRAYS) else None,
        }
        for name, one in found.items()
    }


def _all_of(way: Callable[[Any], Any], audio: Sequence[Any]) -> Callable[[], list[Any]]:
    return lambda: [way(samples) for samples in audio]


def _child(words: Sequence[str]) -> dict[str, Any]:
    """Call one of the measurements in a process of its own."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1") if words[0] == "compared" else {}
    command = [sys.executable, str(Path(__file__)), "--child", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=os.environ | threads)  # noqa: S603 - this script
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def measure(hours: Sequence[float], scratch: Path) -> dict[str, Any]:
    """Simulate, and measure everything."""
    jobs = cores()
    source = built_in_corpus_folder(SynthSettings(), jobs=jobs, progress=progress_for(sys.stderr))
    reading = []
    folders = []
    for length in hours:
        folder = scratch / f"hours-{length:g}"
        if not folder.exists():
            simulate(source, folder, length, jobs)
        folders.append(folder)
        for kept, cores_used in (("mapped", jobs), ("memory", jobs)):
            reading.append({"kept": kept, "jobs": cores_used, **_child(["read", str(folder), str(cores_used), kept])})
            sys.stderr.write(f"{length:g} h, {kept}: {reading[-1]}\n")
    reading.append({"kept": "mapped", "jobs": 1, **_child(["read", str(folders[0]), "1", "mapped"])})
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "reading": reading,
        "checked": {"jobs": jobs, **_child(["checked", str(folders[-1]), str(jobs)])},
        "long": {"jobs": jobs, **_child(["long", str(folders[0]), str(jobs)])},
        "compared": _child(["compared", str(folders[0])]),
    }


def page(found: Mapping[str, Any]) -> str:
    """Return docs/size.md."""
    largest = max(found["reading"], key=lambda one: (one["seconds"], one["kept"] == "mapped", one["jobs"]))
    share = _TARGET * _HOUR / largest["seconds"]
    on = found["machine"]
    return "\n".join(
        [
            "# Long corpora",
            "",
            "    .venv/bin/python benchmarks/reading.py",
            "",
            (
                "measured everything on this page: on "
                f"{found['date']}, {on['processor']}, {on['cores']} cores, {on['memory']} GiB, {on['system']}, Python "
                f"{on['python']}{found.get('note', '')}. The corpora are the built-in one again and again, at other "
                "loudness and under other names, as FLAC of 16 kHz with TextGrids."
            ),
            "",
            _HOW,
            "## Reading\n",
            _READING,
            table(
                _COLUMNS,
                [
                    [
                        number(one["seconds"] / _HOUR),
                        f"{one['utterances']:,}",
                        {"mapped": "in a file", "memory": "in memory"}[one["kept"]],
                        str(one["jobs"]),
                        number(one["corpus_s"]),
                        number(one["features_s"]),
                        number(one["seconds"] / one["features_cpu"]),
                        number(one["corpus_mib"]),
                        number(one["features_mib"]),
                        number(one["window_us"]),
                    ]
                    for one in found["reading"]
                ],
            ),
            "## A hundred hours\n",
            (
                f"Time, disk space and the memory of the labels and segments grow with the frames. {_TARGET} hours are "
                f"{share * largest['frames'] / 1e6:.0f} million of them; by the largest corpus above, they would take "
                f"on this machine {share * largest['corpus_s'] / 60:.1f} minutes and "
                f"{share * (largest['corpus_mib'] or 0) / 1024:.2f} GiB for the corpus; for the features "
                f"{share * largest['features_s'] / 60:.1f} minutes, {share * largest['frames'] * 160 / 1e9:.1f} GB of "
                f"disk space and {share * (largest['features_mib'] or 0) / 1024:.2f} GiB of memory, "
                f"{(largest['features_mib'] or 0) * 2**20 / largest['frames']:.0f} bytes a frame. (All three "
                f"coefficients in memory, with 8 bytes a label, would be {share * largest['frames'] * 488 / 1e9:.0f} "
                "GB.)"
            ),
            "",
            "## Checking\n",
            (
                f"`phonoscope check` listens to all audio, with {found['checked']['jobs']} cores: "
                f"{found['checked']['seconds'] / _HOUR:.0f} hours in {found['checked']['check_s']:.0f} s, "
                f"{found['checked']['seconds'] / found['checked']['check_s']:.0f} times real time, and "
                f"{number(found['checked']['check_mib'])} MiB."
            ),
            "",
            "## Long recordings\n",
            _LONG_TEXT,
            table(
                ["hours", "utterances", "cores", "features, s", "× real time a core", "MiB"],
                [
                    [
                        number(found["long"]["seconds"] / _HOUR),
                        f"{found['long']['utterances']:,}",
                        str(found["long"]["jobs"]),
                        number(found["long"]["features_s"]),
                        number(found["long"]["seconds"] / found["long"]["features_cpu"]),
                        number(found["long"]["features_mib"]),
                    ]
                ],
            ),
            "## Features beside others\n",
            _COMPARED,
            table(
                ["by", "× real time", "differs by"],
                [
                    [name, number(one["times"]), "" if one["differs"] is None else f"{one['differs']:.1g}"]
                    for name, one in found["compared"].items()
                ],
            ),
        ]
    )


_COLUMNS = ["hours", "utterances", "features", "cores", "corpus, s", "features, s", "× real time a core"]
_COLUMNS += ["corpus, MiB", "features, MiB", "a window, µs"]
_HOW = """\
## How it is kept

Audio is decoded in blocks, and each recording once, whatever the number of its utterances; batches of about a minute
go to the cores (up to four as threads, more as processes), and come back in the order of the corpus, so that the
numbers do not depend on `--jobs`. Of the features only the log energies are kept, 160 bytes a frame of 40 filters;
deltas, delta-deltas and the speaker's mean come in when a window is asked for, equal to the last bit to those of the
whole utterance. The means are summed while the features are made: neither audio nor features are read twice.

Up to 1 GiB, 18 hours, the energies lie in memory; those of longer corpora in a file in the run's folder,
`features/static.f32`, which is mapped: the system keeps in memory what there is room for. The file goes when the
activations are written. After an interruption the next start finds it, if no audio file has changed since (size and
time), and reads no audio again. If the disk has no room, that is said before anything is read.

What grows with the corpus in memory: 2 bytes a frame for its label, 18 bytes a segment of the corpus and 36 more of
the table of rows, and in training 16 bytes a training frame for their order; for the validation part 4 bytes a frame
and phone for its posteriors.
"""
_READING = """\
MiB are the anonymous memory beyond what the process had before: of `read_corpus`, then of `read_frames`. A window is
one of 11 frames with all its coefficients, in random order as in training; with the file in the system's cache, as it
is after it was written.
"""
_LONG_TEXT = """\
Half-hour recordings of two channels at 48 kHz, a speaker on each, resampled to 16 kHz: an hour of such audio is
1.4 GB as float32, of which a block is held at a time. A recording is read by one core.
"""
_COMPARED = """\
40 log-mel energies with deltas and delta-deltas, one core, audio in memory. The last column is the largest difference
to phonoscope's, of those that follow Kaldi's definition. Arrays in NumPy are faster than Kaldi's own code, which
phonoscope calls: it is the definition, and models that were trained on Kaldi's features get exactly these.
"""


def main(words: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, nargs="+", default=[1.0, 3.0, 10.0], help="lengths of the corpora")
    parser.add_argument("--scratch", type=Path, help="keep the corpora here (default: a temporary folder)")
    parser.add_argument("--note", default="", help="what there is to say of the machine, such as: shared")
    parser.add_argument("--page-only", action="store_true", help="measure nothing: write the page of the results")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="where results are kept")
    parser.add_argument("--page", type=Path, default=_PAGE, help="where the page is written")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    if arguments.child:
        kind, folder, *more = arguments.child
        work: dict[str, Callable[[], dict[str, Any]]] = {
            "read": lambda: read(Path(folder), int(more[0]), mapped=more[1] == "mapped"),
            "checked": lambda: checked(Path(folder), int(more[0])),
            "long": lambda: long_recordings(Path(folder), int(more[0])),
            "compared": lambda: compared(Path(folder)),
        }
        sys.stdout.write(json.dumps(work[kind]()) + "\n")
        return 0
    if not arguments.page_only:
        with ExitStack() as stack:
            scratch = arguments.scratch or Path(stack.enter_context(TemporaryDirectory()))
            found = {**measure(arguments.hours, scratch), "note": arguments.note and f" ({arguments.note})"}
        write_text(arguments.results, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    write_text(arguments.page, page(json.loads(arguments.results.read_text(encoding="utf-8"))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
