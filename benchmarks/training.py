# ruff: noqa: INP001 - a script, not a package
"""Measure how quickly the recogniser is trained, beside the loop that a user of PyTorch would write down first.

``python benchmarks/training.py`` speaks a part of the built-in corpus, trains the paper's network in three ways, each
in a process of its own, a step of each in turn, then phonoscope's way and the plain loop several times more, from other
seeds, for their accuracies, and writes benchmarks/training.json and docs/training.md. No run is needed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from measuring import OURS, cores
from plain_training import LOADER, STORED
from run_all import machine
from training_page import LAST, page
from training_ways import make_way, trained

from phonoscope.corpus.synth import write_synthetic
from phonoscope.files import write_text
from phonoscope.jobs import limited_threads
from phonoscope.progress import Quiet
from phonoscope.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection

_HERE = Path(__file__).parent
_RESULTS, _PAGE = _HERE / "training.json", _HERE.parent / "docs" / "training.md"
_SQUARE = 1536  # of the product that tells the processor's peak
_BEST = 0.1  # share of the quickest steps whose mean is taken


def quickest(seconds: Sequence[float]) -> float:
    """Return the mean of the quickest tenth: what else the machine does at the time lengthens a step, never cuts it."""
    return float(np.mean(sorted(seconds)[: max(1, round(_BEST * len(seconds)))]))


class Side:
    """A way of training in a process of its own, so that no other way changes its memory or its threads."""

    def __init__(self, name: str, folder: Path, threads: int, settings: Settings) -> None:
        context = get_context("spawn")
        self._connection, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, name, folder, threads, settings), daemon=True)
        self._process.start()
        self.seconds: list[float] = []
        self.accuracies: list[float] = []

    def asked(self, what: str) -> Any:  # noqa: ANN401 - what it is depends on the question
        """Return the answer: ``about``, ``step``, ``rest`` of the epoch, ``accuracy``, ``end``."""
        self._connection.send(what)
        return self._connection.recv()


def _serve(connection: Connection, name: str, folder: Path, threads: int, settings: Settings) -> None:
    with limited_threads(threads):
        way = make_way(name, folder, threads, settings)
        steps = way.steps()
        with way.during:
            while (asked := connection.recv()) != "end":
                if asked == "about":
                    connection.send(way.about)
                elif asked == "step":
                    begun = time.perf_counter()
                    next(steps)
                    connection.send(time.perf_counter() - begun)
                elif asked == "rest":
                    for _ in steps:
                        pass
                    steps = way.steps()
                    connection.send(None)
                else:
                    connection.send(way.accuracy())
        connection.send(None)


def measure(folder: Path, threads: int, epochs: int, settings: Settings) -> dict[str, Any]:
    """Train in all ways, a step of each in turn; return their samples a second, accuracies and shares of the peak."""
    sides = {name: Side(name, folder, threads, settings) for name in (OURS, LOADER, STORED)}
    about = {key: value for side in sides.values() for key, value in side.asked("about").items()}
    square = torch.randn(_SQUARE, _SQUARE)
    products: dict[str, list[float]] = {"float32": [], about["precision"]: []}
    batch = settings.recogniser.batch_size
    with limited_threads(threads):
        for epoch in range(1, epochs + 1):
            for _ in range(about["windows"] // batch):  # the last, smaller batch is not timed
                for side in sides.values():
                    side.seconds.append(side.asked("step"))
                for kind, taken in products.items():
                    factor = square.to(getattr(torch, kind))
                    start = time.perf_counter()
                    factor @ factor
                    taken.append(time.perf_counter() - start)
            for side in sides.values():
                side.asked("rest")
                side.accuracies.append(side.asked("accuracy"))
            sys.stderr.write(f"epoch {epoch}: { ({name: side.accuracies[-1] for name, side in sides.items()}) }\n")
    for side in sides.values():
        side.asked("end")
    return {
        "threads": threads,
        "epochs": epochs,
        **about,
        "peak": {kind: 2 * _SQUARE**3 / quickest(taken) for kind, taken in products.items()},
        "sides": {
            name: {
                "speed": batch / quickest(side.seconds),
                "middle": batch / float(np.median(side.seconds)),
                "accuracy": float(np.mean(side.accuracies[-LAST:])),
            }
            for name, side in sides.items()
        },
    }


def accuracies(folder: Path, seeds: int, epochs: int, settings: Settings) -> dict[str, list[float]]:
    """Train in phonoscope's way and by the plain loop from several seeds; return the accuracies of both."""
    asked = [(name, seed) for seed in range(1, seeds + 1) for name in (STORED, OURS)]
    found: dict[str, list[float]] = {OURS: [], STORED: []}
    # nothing is timed: as many trainings at a time as there are cores, each with one thread
    with ProcessPoolExecutor(cores(), get_context("spawn"), max_tasks_per_child=1) as pool:
        coming = [
            (name, seed, pool.submit(trained, name, folder, epochs, settings.changed({"seed": seed})))
            for name, seed in asked
        ]
        for name, seed, one in coming:
            found[name].append(one.result())
            sys.stderr.write(f"seed {seed}, {name}: {found[name][-1]:.4f}\n")
    return found


def main(words: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, cores()}), help="threads, a run for each")
    parser.add_argument("--minutes", type=float, default=12.0, help="minutes of speech to train on")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=6, help="trainings of each way for its accuracy, untimed")
    parser.add_argument("--precision", default="auto", help="phonoscope's arithmetic: auto, float32 or bfloat16")
    parser.add_argument("--note", default="", help="what there is to say of the machine, such as: shared")
    parser.add_argument("--page-only", action="store_true", help="measure nothing: write the page of the results")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="where results are kept")
    parser.add_argument("--page", type=Path, default=_PAGE, help="where the page is written")
    arguments = parser.parse_args(words)
    if not arguments.page_only:
        settings = Settings().changed(
            {
                "synth.train_minutes": arguments.minutes,
                "synth.validation_minutes": max(0.5, arguments.minutes / 4),
                "recogniser.precision": arguments.precision,
            }
        )
        with TemporaryDirectory() as scratch:
            folder = Path(scratch) / "corpus"
            write_synthetic(folder, settings.synth, jobs=cores(), progress=Quiet())
            runs = [measure(folder, threads, arguments.epochs, settings) for threads in arguments.threads]
            seeded = accuracies(folder, arguments.seeds, arguments.epochs, settings)
        found = {
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "options": " ".join(sys.argv[1:] if words is None else words),
            "machine": machine(),
            "note": arguments.note and f" ({arguments.note})",
            "runs": runs,
            "seeds": seeded,
        }
        write_text(arguments.results, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    write_text(arguments.page, page(json.loads(arguments.results.read_text(encoding="utf-8"))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
