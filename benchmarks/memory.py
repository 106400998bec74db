# ruff: noqa: INP001 - a script, not a package
"""Measure the peak memory of every stage of a run, over corpora of 1x, 2x, 4x and panels of 1x, 2x, 4x.

``python benchmarks/memory.py`` plants panels, simulates corpora, runs the stages in processes of their own, and writes
benchmarks/memory.json and docs/memory.md. No run is needed. Panels are measured with the default of clustering.memory
and again with each of ``--memory``. The largest panel takes 1 GB of disk space, each time.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from measuring import cores
from reading import simulate
from run_all import machine
from stage_memory import PANEL_STAGES, watched
from tables import table

from phonoscope.corpus.synth import built_in_corpus_folder
from phonoscope.files import write_text
from phonoscope.phones.inventory import french
from phonoscope.progress import progress_for
from phonoscope.rundir import record
from phonoscope.settings import Settings, SynthSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HERE = Path(__file__).parent
_RESULTS, _PAGE = _HERE / "memory.json", _HERE.parent / "docs" / "memory.md"
# the widths of the paper's network; of its three layers of 1,024 units one
SHAPES: dict[str, tuple[int, ...]] = {
    "raw": (3, 11, 40),
    "conv1": (32, 9, 36),
    "mp1": (32, 9, 12),
    "conv2": (64, 7, 8),
    "mp2": (64, 7, 4),
    "D1": (1024,),
}
_SPEAKERS, _UTTERANCE = 20, 12  # voices, and samples of one utterance
_ROWS = 1_000
# what takes time and no memory is done less often
_BRIEF = {"reduction.tsne_iterations": 250, "evaluation.seeds": 2, "structure.permutations": 199}
_BRIEF |= {"selection.permutations": 199, "structure.draws": 1}


def plant(path: Path, n_per_phone: int, shapes: Mapping[str, tuple[int, ...]], settings: Settings) -> None:
    """Write what a run has when its panel's activations are there: planted phones and speakers, and noise."""
    path.mkdir(parents=True)
    ipa = french().ipa
    phones = list(ipa)
    n = n_per_phone * len(phones)
    record(path, settings, "planted", 1)
    phone, speaker = np.repeat(np.arange(len(phones)), n_per_phone), np.arange(n) % _SPEAKERS
    number = np.arange(n) // _SPEAKERS // _UTTERANCE
    times = 0.3 + 0.1 * (np.arange(n) % _UTTERANCE)
    panel = pl.DataFrame(
        {
            "sample": np.arange(n),
            "utterance": [f"v{s}-{i}" for s, i in zip(speaker.tolist(), number.tolist(), strict=True)],
            "speaker": [f"v{s}" for s in speaker.tolist()],
            "phone": [phones[i] for i in phone.tolist()],
            "time": times,
            "start": times - 0.03,
            "end": times + 0.03,
        }
    )
    panel.write_parquet(path / "panel.parquet")
    segments = panel.select("utterance", "speaker", "phone", "start", "end", pl.lit("validation").alias("split"))
    segments.write_parquet(path / "corpus.parquet")
    counts = {"phone": phones, "ipa": [ipa[p] for p in phones]} | dict.fromkeys(("segments", "correct"), n_per_phone)
    pl.DataFrame(counts).with_columns(
        pl.lit(n_per_phone).alias("used"), pl.lit(value=True).alias("in_panel")
    ).write_csv(path / "panel.csv")
    pl.DataFrame({"label": phones, "phone": phones, "tokens": [n_per_phone] * len(phones)}).write_csv(
        path / "labels.csv"
    )
    (path / "warnings.txt").write_text("")
    losses = ("training_loss", "validation_loss", "frame_accuracy", "phone_error_rate", "seconds")
    pl.DataFrame({"epoch": [1], **dict.fromkeys(losses, 0.5)}).write_csv(path / "training.csv")
    folder = path / "activations"
    folder.mkdir()
    (folder / "layers.json").write_text(json.dumps(shapes))
    for layer, shape in shapes.items():
        _plant_layer(folder / f"{layer}.npy", math.prod(shape), phone, speaker)


def _plant_layer(path: Path, width: int, phone: np.ndarray, speaker: np.ndarray) -> None:
    draws = np.random.default_rng(width)
    file = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(len(phone), width))
    of_phone, of_speaker = (draws.standard_normal((int(of.max()) + 1, width), np.float32) for of in (phone, speaker))
    # most of the variance lies in few directions, and most units are above 0 most of the time: about as many components
    # keep nine tenths of it as of the layers of a trained network, 100 to 300
    mixing = draws.standard_normal((64, width), np.float32) / 8
    for first in range(0, len(file), _ROWS):
        rows = slice(first, first + _ROWS)
        values = of_phone[phone[rows]] + 0.5 * of_speaker[speaker[rows]]
        values += 2 * draws.standard_normal((len(values), len(mixing)), np.float32) @ mixing
        values += 0.3 * draws.standard_normal(values.shape, np.float32)
        file[rows] = np.maximum(values + 1.5, 0)
    file.flush()


def measure_panels(
    sizes: Sequence[int],
    scratch: Path,
    jobs: int,
    shapes: Mapping[str, tuple[int, ...]],
    memory: float | None = None,
) -> list[Any]:
    """Run the stages after the activations on panels of some sizes; return what each took.

    `memory` is the setting clustering.memory in GB; its default if None.
    """
    found = []
    for n_per_phone in sizes:
        settings = Settings().changed({**_BRIEF, "probing.n_per_phone": n_per_phone})
        path = scratch / f"panel-{n_per_phone}"
        if memory is not None:
            settings = settings.changed({"clustering.memory": memory})
            path = scratch / f"panel-{n_per_phone}-within-{memory:g}"
        if not path.exists():
            plant(path, n_per_phone, shapes, settings)
        for stage in PANEL_STAGES:
            for name, taken in watched([stage, str(path), str(jobs)]).items():
                found.append({"size": n_per_phone, "stage": name, **taken})
                sys.stderr.write(f"{found[-1]}\n")
    return found


def measure_corpora(hours: Sequence[float], scratch: Path, jobs: int) -> list[Any]:
    """Run the stages up to the activations on corpora of some lengths; return what each took."""
    source = built_in_corpus_folder(SynthSettings(), jobs=jobs, progress=progress_for(sys.stderr))
    found = []
    for length in hours:
        folder = scratch / f"hours-{length:g}"
        if not folder.exists():
            simulate(source, folder, length, jobs)
        with TemporaryDirectory(dir=scratch) as out:
            for name, taken in watched(["corpus", str(folder), str(jobs), out]).items():
                found.append({"size": length, "stage": name, **taken})
                sys.stderr.write(f"{found[-1]}\n")
    return found


def _rows(found: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Make a table of the measurements: a row a stage, columns the peaks by size."""
    sizes = sorted({one["size"] for one in found})
    stages = list(dict.fromkeys(one["stage"] for one in found))
    by = {(one["stage"], one["size"]): one for one in found}
    rows = []
    for stage in stages:
        cells = [by.get((stage, size)) for size in sizes]
        rows.append(
            [
                stage,
                *("" if c is None else f"{c['anonymous']:,.0f}" for c in cells),
                *("" if c is None else f"{c['high_water']:,.0f}" for c in cells),
            ]
        )
    head = [f"{size:g}" for size in sizes]
    return ["stage", *head, *(f"VmHWM, {h}" for h in head)], rows


def page(found: Mapping[str, Any], text: str) -> str:
    """Return docs/memory.md: the text of it that is there, with the tables between its marks made anew."""
    on = found["machine"]
    made = (
        f"Measured on {found['date']}: {on['processor']}, {on['cores']} cores, {on['memory']} GiB, {on['system']}, "
        f"Python {on['python']}{found.get('note', '')}, {found['jobs']} jobs."
    )
    parts = {"machine": made, "panels": table(*_rows(found["panels"])), "corpora": table(*_rows(found["corpora"]))}
    if found.get("within"):
        parts["within"] = "\n\n".join(
            f"### Within {one['memory']:g} GB\n\n{table(*_rows(one['panels'])).rstrip()}" for one in found["within"]
        )
    for name, part in parts.items():
        before, _, rest = text.partition(f"<!-- {name} -->\n")
        _, _, after = rest.partition("<!-- end -->\n")
        text = f"{before}<!-- {name} -->\n{part.rstrip()}\n<!-- end -->\n{after}"
    return text


def main(words: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--panels", type=int, nargs="*", default=[50, 100, 200], help="samples of each phone")
    parser.add_argument("--hours", type=float, nargs="*", default=[0.25, 0.5, 1.0], help="lengths of the corpora")
    parser.add_argument(
        "--memory",
        type=float,
        nargs="*",
        default=[0.25],
        help="clustering.memory, GB, with which panels are measured too",
    )
    parser.add_argument("--layers", nargs="+", default=list(SHAPES), help="layers that are planted")
    parser.add_argument("--jobs", type=int, default=cores(), help="threads and processes")
    parser.add_argument("--scratch", type=Path, help="keep panels and corpora here (default: a temporary folder)")
    parser.add_argument("--note", default="", help="what there is to say of the machine, such as: shared")
    parser.add_argument("--page-only", action="store_true", help="measure nothing: write the page of the results")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="where results are kept")
    parser.add_argument("--page", type=Path, default=_PAGE, help="where the page is written")
    arguments = parser.parse_args(words)
    if not arguments.page_only:
        with ExitStack() as stack:
            scratch = arguments.scratch or Path(stack.enter_context(TemporaryDirectory()))
            shapes = {layer: SHAPES[layer] for layer in arguments.layers}
            found = {
                "date": datetime.now(UTC).strftime("%Y-%m-%d"),
                "machine": machine(),
                "jobs": arguments.jobs,
                "note": arguments.note and f" ({arguments.note})",
                "panels": measure_panels(arguments.panels, scratch, arguments.jobs, shapes),
                "within": [
                    {
                        "memory": memory,
                        "panels": measure_panels(arguments.panels, scratch, arguments.jobs, shapes, memory),
                    }
                    for memory in arguments.memory
                ],
                "corpora": measure_corpora(arguments.hours, scratch, arguments.jobs),
            }
        write_text(arguments.results, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    if arguments.page.exists():
        found = json.loads(arguments.results.read_text(encoding="utf-8"))
        write_text(arguments.page, page(found, arguments.page.read_text(encoding="utf-8")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
