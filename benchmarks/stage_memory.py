# ruff: noqa: INP001 - a script's part, not a package
"""Stages of a run in a process of their own, and the peak memory of that process and all it starts."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PANEL_STAGES = ("grid and sweeps", "appraisal", "classes", "units", "structure", "report")
_PAUSE = 0.01  # seconds between two looks
_BEFORE = "imports"


def watched(words: Sequence[str]) -> dict[str, dict[str, float]]:
    """Run stages in a process of their own; return by stage seconds and the peaks in MiB.

    ``anonymous`` is the largest sum over all processes of what is no part of a file; ``high_water`` the most that the
    first process has had in memory until the stage's end, pages of mapped files too.
    """
    command = [sys.executable, str(Path(__file__)), *words]
    peaks: dict[str, dict[str, float]] = {_BEFORE: {"anonymous": 0.0, "high_water": 0.0, "seconds": 0.0}}
    now = [_BEFORE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:  # noqa: S603 - this script

        def listen() -> None:
            started = time.perf_counter()
            for line in child.stdout or ():
                peaks[now[0]]["seconds"] = time.perf_counter() - started
                started = time.perf_counter()
                peaks.setdefault(line.strip(), {"anonymous": 0.0, "high_water": 0.0, "seconds": 0.0})
                now[0] = line.strip()

        listener = threading.Thread(target=listen)
        listener.start()
        while child.poll() is None:
            stage = peaks[now[0]]
            figures = [_figures(pid) for pid in _family(child.pid)]
            stage["anonymous"] = max(stage["anonymous"], sum(own for own, _ in figures) / 1024)
            stage["high_water"] = max(stage["high_water"], figures[0][1] / 1024)
            time.sleep(_PAUSE)
        listener.join()
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    peaks.pop("end", None)
    return peaks


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _family(int(child))
    except OSError:  # it has just ended
        return


def _figures(pid: int) -> tuple[int, int]:
    """Return a process's anonymous memory and its most of all memory so far, in KiB."""
    found = {"RssAnon": 0, "VmHWM": 0}
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in found:
                found[name] = int(value.split()[0])
    except OSError:
        pass
    return found["RssAnon"], found["VmHWM"]


def _begin(stage: str) -> None:
    sys.stdout.write(f"{stage}\n")
    sys.stdout.flush()


def panel_stage(stage: str, path: Path, jobs: int) -> None:
    """Do one of the stages after the activations."""
    from phonoscope.analysis import analyse  # noqa: PLC0415 - in the child only
    from phonoscope.appraisal import appraise  # noqa: PLC0415
    from phonoscope.interpretation import interpret  # noqa: PLC0415
    from phonoscope.jobs import limited_threads  # noqa: PLC0415
    from phonoscope.progress import Quiet  # noqa: PLC0415
    from phonoscope.report.write import write_report  # noqa: PLC0415
    from phonoscope.results import Run  # noqa: PLC0415
    from phonoscope.rundir import read_config  # noqa: PLC0415
    from phonoscope.structuring import structure  # noqa: PLC0415
    from phonoscope.unit_analysis import analyse_units  # noqa: PLC0415

    run = Run(path)
    settings = read_config(path)[0]
    work: dict[str, Callable[[], Any]] = {
        "grid and sweeps": lambda: analyse(run, settings, Quiet()),
        "appraisal": lambda: appraise(run, settings, Quiet()),
        "classes": lambda: interpret(run, settings, Quiet()),
        "units": lambda: analyse_units(run, settings, Quiet()),
        "structure": lambda: structure(run, settings, Quiet()),
        "report": lambda: write_report(run),
    }
    with limited_threads(jobs):
        _begin(stage)
        work[stage]()
        _begin("end")


def corpus_stages(folder: Path, jobs: int, out: Path) -> None:
    """Do the stages up to the activations: read, compute features (into a file), train one epoch, draw the panel."""
    from phonoscope.corpus.reading import read_corpus  # noqa: PLC0415 - in the child only
    from phonoscope.jobs import limited_threads  # noqa: PLC0415
    from phonoscope.probing.activations import write_activations  # noqa: PLC0415
    from phonoscope.probing.panel import draw_panel  # noqa: PLC0415
    from phonoscope.recogniser.inference import predict  # noqa: PLC0415
    from phonoscope.recogniser.training import train  # noqa: PLC0415
    from phonoscope.settings import Settings  # noqa: PLC0415
    from phonoscope.signal.frames import read_frames  # noqa: PLC0415

    settings = Settings().changed({"recogniser.max_epochs": 1})
    with limited_threads(jobs):
        _begin("reading")
        corpus = read_corpus(folder, settings, jobs=jobs)
        _begin("features")
        frames = read_frames(corpus, settings.signal, jobs=jobs, folder=out / "features", memory=0)
        _begin("training")
        model, _ = train(frames, corpus, settings)
        _begin("panel")
        probing = replace(settings.probing, correct_only=True, minimum=2)
        panel = draw_panel(frames, corpus, probing, 0, lambda rows: predict(model, frames, rows, "softmax"))
        _begin("activations")
        write_activations(model, frames, panel, out / "activations")
        _begin("end")


if __name__ == "__main__":
    kind, where, number, *more = sys.argv[1:]
    if kind == "corpus":
        corpus_stages(Path(where), int(number), Path(more[0]))
    else:
        panel_stage(kind, Path(where), int(number))
