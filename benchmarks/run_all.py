# ruff: noqa: INP001 - a script, not a package
"""Measure every claim of speed beside what a user would take instead.

``python benchmarks/run_all.py`` measures what benchmarks/results.json does not have yet, each measurement in a process
of its own, and writes docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import resource
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

import compilation
import kmedians
import large
import pca
import spectral
import tsne
import whole_grid
import wide
from measuring import OURS, Options, Record, cores
from tables import number
from threadpoolctl import threadpool_info

from phonoscope.files import write_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tables import Records


class Topic(Protocol):
    """A claim's module."""

    def cases(self, options: Options, /) -> dict[str, Callable[[], Record]]:
        """List the measurements by name."""

    def page(self, records: Records, options: Options, /) -> str:
        """Return the topic's part of the page."""


TOPICS: tuple[Topic, ...] = (whole_grid, kmedians, spectral, tsne, pca, large, wide, compilation)
_HERE = Path(__file__).parent
_RESULTS = _HERE / "results.json"
_PAGE = _HERE.parent / "docs" / "benchmarks.md"
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "openTSNE", "pyclustering", "numba", "torch")
# a machine's own choice of kernels shall not be measured
_UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
_MOST_OF_MEMORY = 0.9
_GIB = 2**30


def machine() -> dict[str, Any]:
    """Describe what everything runs on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    versions = {}
    for library in _LIBRARIES:
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            versions[library] = "not installed"
    blas = [f"{lib['internal_api']} {lib.get('version')}" for lib in threadpool_info() if lib["user_api"] == "blas"]
    return {
        "processor": names[0] if names else platform.processor(),
        "architecture": platform.machine(),
        "instructions": [flag for flag in ("avx2", "avx512f", "amx_tile") if flag in flags],
        "cores": cores(),
        "memory": round(_memory() / _GIB),
        "system": platform.system(),
        "python": platform.python_version(),
        "blas": sorted(set(blas)),
        "versions": versions,
    }


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


class Results:
    """The measurements done, kept in a file after each one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stored: dict[str, Any] = {"machines": [], "cases": {}}
        if path.exists():
            self.stored = json.loads(path.read_text(encoding="utf-8"))

    def add(self, name: str, entry: Mapping[str, Any], on: Mapping[str, Any]) -> None:
        """Keep a measurement and the machine it was made on."""
        machines = self.stored["machines"]
        if on not in machines:
            machines.append(on)
        now = datetime.now(UTC).strftime("%Y-%m-%d")
        self.stored["cases"][name] = {"date": now, "machine": machines.index(on), **entry}
        used = sorted({case["machine"] for case in self.stored["cases"].values()})
        self.stored["machines"] = [machines[i] for i in used]
        for case in self.stored["cases"].values():
            case["machine"] = used.index(case["machine"])
        write_text(self.path, json.dumps(self.stored, indent=1, ensure_ascii=False) + "\n")

    @property
    def records(self) -> dict[str, Record]:
        """The measurements that went well."""
        return {name: Record.read(case["record"]) for name, case in self.stored["cases"].items() if case.get("record")}

    @property
    def failed(self) -> dict[str, str]:
        """Why the others did not."""
        return {name: case["failed"] for name, case in self.stored["cases"].items() if case.get("failed")}


def page(results: Results, options: Options, command: str) -> str:
    """Return the page of all measurements, in the order in which the topics list them."""
    found = results.records
    dates = sorted({case["date"] for case in results.stored["cases"].values()}) or ["not yet measured"]
    lines = [
        "# Speed",
        "",
        f"    {command}",
        "",
        (
            "measured everything on this page, each line with the same data, the same measure of quality and the same "
            "cores on both sides. The data are the activations of the demo's run, or planted where a section says so. "
            "Each measurement has a process of its own; its sides run in turn, three times if that is short, and the "
            "least time counts. phonoscope's kernels are compiled before: the last section says what that takes. Peak "
            "memory is what was taken beyond the input and the libraries. A ratio above 1 is in phonoscope's favour; a "
            "claim is reached if the ratio is, and what stands beside it. The raw figures are in "
            "benchmarks/results.json."
        ),
        "",
        f"Measured: {dates[0]}" + (f" to {dates[-1]}" if len(dates) > 1 else "") + ".",
    ]
    several = len(results.stored["machines"]) > 1
    for i, on in enumerate(results.stored["machines"]):
        of = sorted({name.partition(".")[0] for name, case in results.stored["cases"].items() if case["machine"] == i})
        told = f" ({', '.join(of)})" if several else ""
        versions = ", ".join(f"{name} {version}" for name, version in on["versions"].items())
        instructions = f" ({', '.join(on['instructions'])})" if on["instructions"] else ""
        lines.append(
            f"Machine{told}: {on['processor']}, {on['architecture']}{instructions}, {on['cores']} cores, "
            f"{on['memory']} GiB, {on['system']}, Python {on['python']}, {versions}, {', '.join(on['blas'])}."
        )
    lines.append("")
    for topic in TOPICS:
        ordered = {name: found[name] for name in topic.cases(options) if name in found}
        if ordered:
            lines.append(topic.page(ordered, options))
    if results.failed:
        lines += ["## Failed\n", *(f"- {name}: {reason}" for name, reason in results.failed.items()), ""]
    return "\n".join(lines)


def measure(name: str, arguments: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Do one measurement in a process of its own; return its record, or why there is none."""
    environment = {key: value for key, value in os.environ.items() if key not in _UNSET}
    with TemporaryDirectory() as folder:
        answer = Path(folder) / "record.json"
        command = [sys.executable, str(Path(__file__)), "--child", name, "--answer", str(answer)]
        command += ["--run", str(arguments.run), "--scratch", str(scratch), "--work", str(arguments.work)]
        command += ["--quick"] * arguments.quick + ["--wide"] * arguments.wide
        start = time.perf_counter()
        try:
            done = subprocess.run(  # noqa: S603 - this script
                command, env=environment, stderr=subprocess.PIPE, timeout=arguments.timeout, check=False
            )
        except subprocess.TimeoutExpired:
            return {"failed": f"stopped after {arguments.timeout} s"}
        took = round(time.perf_counter() - start, 1)
        if done.returncode or not answer.exists():
            told = done.stderr.decode(errors="replace").strip().splitlines()
            return {"took": took, "failed": told[-1] if told else f"ended with {done.returncode}"}
        return {"took": took, **json.loads(answer.read_text(encoding="utf-8"))}


def _child(name: str, options: Options, answer: Path) -> None:
    """Do one measurement here and write its record; more than the machine's memory is an error, not the end of it."""
    resource.setrlimit(resource.RLIMIT_DATA, (int(_MOST_OF_MEMORY * _memory()), resource.RLIM_INFINITY))
    case = next(found[name] for topic in TOPICS if name in (found := topic.cases(options)))
    record = case()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answer.write_text(json.dumps({"process_peak_mib": most, "record": asdict(record)}), encoding="utf-8")


def line(name: str, entry: Mapping[str, Any]) -> str:
    """Say in a line what came out of a measurement."""
    if "failed" in entry:
        return f"{name}: failed: {entry['failed']}"
    sides = Record.read(entry["record"]).sides
    told = [
        f"{side} {number(figures.seconds) + ' s' if figures.seconds else figures.note}"
        for side, figures in sides.items()
    ]
    ours = sides.get(OURS)
    for side, figures in sides.items():
        if ours and ours.seconds and figures.seconds and side != OURS:
            told.append(f"{number(figures.seconds / ours.seconds)} × {side}")
    return f"{name}: {', '.join(told)}"


def write(text: str) -> None:
    """Print at once: a measurement can take an hour."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def wanted(name: str, only: Sequence[str]) -> bool:
    """Tell whether a measurement is asked for: by its name, or by the first words of it."""
    return not only or any(name == start or name.startswith(f"{start}.") for start in only)


def arguments_of(words: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("runs/demo"), help="a finished run (default: runs/demo)")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these, such as tsne or tsne.2d.D3")
    parser.add_argument("--layers", nargs="+", default=[], metavar="LAYER", help="only these layers of the run")
    parser.add_argument("--redo", action="store_true", help="also what is in the results already")
    parser.add_argument("--list", action="store_true", help="print the names of the measurements, and stop")
    parser.add_argument("--page-only", action="store_true", help="measure nothing: write the page of the results")
    parser.add_argument("--quick", action="store_true", help="tiny data, to see that everything runs; prints the page")
    parser.add_argument("--wide", action="store_true", help="also data of 14 GB: takes as much disk space in --scratch")
    parser.add_argument("--scratch", type=Path, help="keep planted data here (default: a temporary folder)")
    parser.add_argument("--work", type=Path, default=Path("runs/bench"), help="keep the composition's embeddings here")
    parser.add_argument("--timeout", type=float, default=7_200, help="seconds for one measurement (default: 7200)")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="where results are kept")
    parser.add_argument("--page", type=Path, default=_PAGE, help="where the page is written")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; return the exit status."""
    arguments = arguments_of(words)
    if not all((arguments.run / name).exists() for name in ("scores.csv", "panel.parquet", "activations/layers.json")):
        sys.stderr.write(f"{arguments.run} is no finished run: make it by `make demo`, or name one by --run.\n")
        return 2
    with ExitStack() as stack:
        scratch = arguments.scratch or Path(stack.enter_context(TemporaryDirectory()))
        if arguments.quick and not arguments.child:  # nothing of it shall be taken for a result
            folder = Path(stack.enter_context(TemporaryDirectory()))
            arguments.results, arguments.work = folder / "results.json", folder / "work"
        layers = tuple(arguments.layers)
        options = Options(arguments.run, layers, arguments.quick, scratch, arguments.work, arguments.wide)
        if arguments.child:
            _child(arguments.child, options, arguments.answer)
            return 0
        names = [name for topic in TOPICS for name in topic.cases(options) if wanted(name, arguments.only)]
        if arguments.list:
            write("\n".join(names))
            return 0
        return _measure_all([] if arguments.page_only else names, arguments, options)


def _measure_all(names: Sequence[str], arguments: argparse.Namespace, options: Options) -> int:
    """Measure what is not there yet, and write the page; return 1 if something failed."""
    results, here = Results(arguments.results), machine()
    whole = Options(options.run, (), options.quick, options.scratch, options.work, wide=True)
    for name in names:
        if arguments.redo or name not in results.records:
            entry = measure(name, arguments, options.scratch)
            results.add(name, entry, here)
            write(line(name, entry))
        if not arguments.quick:
            write_text(arguments.page, page(results, whole, "make bench"))
    text = page(results, whole, "make bench")
    if arguments.quick:
        write(text)
    else:
        write_text(arguments.page, text)
    return 1 if any(name in results.failed for name in names) else 0


if __name__ == "__main__":
    sys.exit(main())
