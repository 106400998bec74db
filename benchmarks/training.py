# ruff: noqa: INP001 - a script, not a package
"""Measure how quickly the recogniser is trained, beside the loop that a user of PyTorch would write down first.

``python benchmarks/training.py`` speaks a part of the built-in corpus, trains the paper's network in three ways, each
in a process of its own, a step of each in turn, and writes benchmarks/training.json and docs/training.md. No run is
needed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from measuring import OURS, cores
from plain_training import LOADER, STORED, PlainTraining
from run_all import machine
from training_page import LAST, page

from phonoscope.corpus.reading import read_corpus
from phonoscope.corpus.synth import write_synthetic
from phonoscope.files import write_text
from phonoscope.jobs import limited_threads
from phonoscope.progress import Quiet
from phonoscope.recogniser.devices import resolve_precision
from phonoscope.recogniser.fitting import Fitting, Material
from phonoscope.recogniser.freed_memory import freed_memory_kept
from phonoscope.recogniser.ranks import Ranks
from phonoscope.settings import Settings
from phonoscope.signal.frames import read_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection

    from torch import nn

_HERE = Path(__file__).parent
_RESULTS, _PAGE = _HERE / "training.json", _HERE.parent / "docs" / "training.md"
_SQUARE = 1536  # of the product that tells the processor's peak
_BEST = 0.1  # share of the quickest steps whose mean is taken


def operations(network: nn.Module, window: torch.Tensor) -> float:
    """Return the floating-point operations of a training step for one window: products of layers and their gradients.

    A multiplication and an addition are two. Each layer's output, the gradient of its weights and that of its input
    cost the same; of the first layer's input, none is wanted.
    """
    counted: list[float] = []

    def count(layer: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        weight = layer.weight
        assert isinstance(weight, torch.Tensor)  # noqa: S101 - for the type checker
        counted.append(2.0 * weight[0].numel() * output.numel())

    handles = [
        layer.register_forward_hook(count)
        for layer in network.modules()
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear)
    ]
    network.eval()
    with torch.no_grad():
        network(window)
    for handle in handles:
        handle.remove()
    return 3 * sum(counted) - counted[0]


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
    corpus = read_corpus(folder, settings, jobs=threads)
    frames = read_frames(corpus, settings.signal, jobs=threads)
    rows, held_out = (frames.labelled_rows(corpus, part) for part in ("train", "validation"))
    labels, n_phones = frames.labels[held_out], len(corpus.phones)
    with limited_threads(threads), freed_memory_kept() if name == OURS else nullcontext():
        if name == OURS:
            dtype = resolve_precision(settings.recogniser.precision)
            material = Material(frames, rows, held_out, n_phones)
            ours = Fitting(material, settings, Ranks(), device=torch.device("cpu"), dtype=dtype)
            start: Callable[[], Iterator[object]] = ours.steps
            window = torch.zeros(1, 3, 2 * frames.context + 1, frames.n_mels)
            about = {
                "windows": len(rows),
                "held_out": len(held_out),
                "precision": str(dtype).removeprefix("torch."),
                "operations": operations(ours.model, window),
            }

            def accuracy() -> float:
                return float((ours.posteriors().argmax(axis=1) == labels).mean())

        else:
            plain = PlainTraining(frames, rows, n_phones, settings.recogniser, stored=name == STORED)
            start, about = plain.steps, {}

            def accuracy() -> float:
                return plain.accuracy(frames, held_out)

        steps = start()
        while (asked := connection.recv()) != "end":
            if asked == "about":
                connection.send(about)
            elif asked == "step":
                begun = time.perf_counter()
                next(steps)
                connection.send(time.perf_counter() - begun)
            elif asked == "rest":
                for _ in steps:
                    pass
                steps = start()
                connection.send(None)
            else:
                connection.send(accuracy())
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


def main(words: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, cores()}), help="threads, a run for each")
    parser.add_argument("--minutes", type=float, default=12.0, help="minutes of speech to train on")
    parser.add_argument("--epochs", type=int, default=5)
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
        found = {
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "options": " ".join(sys.argv[1:] if words is None else words),
            "machine": machine(),
            "note": arguments.note and f" ({arguments.note})",
            "runs": runs,
        }
        write_text(arguments.results, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    write_text(arguments.page, page(json.loads(arguments.results.read_text(encoding="utf-8"))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
