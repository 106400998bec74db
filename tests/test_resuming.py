"""Runs that are killed, disturbed, damaged, changed, or left without room."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from killing import SMALL
from phonoscope import files
from phonoscope.cli import main
from phonoscope.errors import DiskFullError, RunDirectoryError, SettingError
from phonoscope.evaluation.grid import run_cell
from phonoscope.experiment import run
from phonoscope.files import disk_is_full, full_disk_named, open_arrays, written_whole
from phonoscope.kept import Kept
from phonoscope.locking import LOCK, sole_use
from phonoscope.manifest import Manifest
from phonoscope.progress import Quiet
from phonoscope.redrawing import redraw
from phonoscope.results import Run
from phonoscope.rundir import remove_stages
from phonoscope.settings import Settings
from phonoscope.stages import first_stages, with_what_follows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from conftest import WriteAudio, WriteGrid

SETTINGS = Settings().changed(SMALL)
HERE = Path(__file__).parent


class Listening(Quiet):
    """Keeps what is said, and ends the run where a bar starts."""

    def __init__(self, until: str = "") -> None:
        self.said: list[str] = []
        self.warned: list[str] = []
        self.bars: list[str] = []
        self.until = until

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.warned.append(text)

    def bar(self, text: str, total: int, counted: str):  # type: ignore[no-untyped-def] # noqa: ANN201
        if text == self.until:
            raise KeyboardInterrupt
        self.bars.append(text)
        return super().bar(text, total, counted)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, write_audio: WriteAudio, write_grid: WriteGrid) -> Path:
    folder = tmp_path_factory.mktemp("corpora") / "speech"
    for speaker in "abcd":
        labels = [("i", "u", "a", "s")[i % 4] for i in range(24)]
        write_audio(folder / speaker / f"{speaker}.wav", 2.5)
        write_grid(folder / speaker / f"{speaker}.TextGrid", [(i / 10, (i + 1) / 10, p) for i, p in enumerate(labels)])
    return folder


@pytest.fixture(scope="module")
def runs(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of `whole` and `killed`."""
    folder = tmp_path_factory.mktemp("killing")
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, str(HERE / "killing.py"), str(corpus), str(folder), "7"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_WAIT_POLICY": "passive"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 5, "it was hardly disturbed"
    return folder


@pytest.fixture
def copy(runs: Path, tmp_path: Path) -> Run:
    """The finished run, to be spoilt."""
    return Run(Path(shutil.copytree(runs / "whole", tmp_path / "run")))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def same(found: Path, expected: Path, *, without: tuple[str, ...] = ()) -> None:
    """Compare two runs but for what tells times of this machine."""
    a, b = contents(found), contents(expected)
    assert a.keys() == b.keys()
    told = [
        {
            stage: {name: entry[::2] for name, entry in about["files"].items()}
            for stage, about in json.loads(text).items()
        }
        for text in (a.pop("files.json"), b.pop("files.json"))
    ]
    if not without:
        assert told[0] == told[1]
    assert [name for name in a if a[name] != b[name] and name not in without] == []


def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bytes(runs: Path) -> None:
    same(runs / "killed", runs / "whole")
    assert not (runs / "killed" / "cells").exists()


def test_cells_are_found_again_and_a_layer_that_has_all_needs_no_affinity(
    runs: Path, copy: Run, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("clusters.parquet", "sweep.parquet"):
        (copy.path / name).unlink()

    def unwritten(frames: Iterable[pl.DataFrame], path: Path) -> None:
        if path.name == "sweep.parquet":
            raise KeyboardInterrupt
        files.write_frames(frames, path)

    with monkeypatch.context() as patch:
        patch.setattr("phonoscope.analysis.write_frames", unwritten)
        with pytest.raises(KeyboardInterrupt):
            run(corpus, out=copy.path, settings=SETTINGS)
    assert len(list((copy.path / "cells").glob("*.npz"))) == 2 * len(copy.layers) * (3 * 2 + 1)
    # a damaged one is computed, and only it
    (copy.path / "scores.csv").unlink()
    broken = copy.path / "cells" / f"D1-pca-kmedians-{copy.panel['phone'].n_unique()}-0.npz"
    content = bytearray(broken.read_bytes())
    content[len(content) // 2] ^= 255
    broken.write_bytes(content)
    computed = []

    def counted(*args: Any) -> Any:  # noqa: ANN401
        computed.append(args[2])
        return run_cell(*args)

    monkeypatch.setattr("phonoscope.analysis.run_cell", counted)
    monkeypatch.setattr("phonoscope.analysis.sweep", lambda *_, **__: pytest.fail("a sweep was computed again"))
    run(corpus, out=copy.path, settings=SETTINGS)
    assert [(one.layer, one.reduction, one.clusterer, one.seed) for one in computed] == [("D1", "pca", "kmedians", 0)]
    same(copy.path, runs / "whole")


def test_what_was_kept_of_other_settings_is_not_found(tmp_path: Path) -> None:
    about, labels = Kept(tmp_path, "a").keep("one", {"x": np.float64(0.1), "y": None}, np.array([0, 300, 2]))
    assert about == {"x": 0.1, "y": None}
    assert Kept(tmp_path, "b").find("one") is None
    assert Kept(tmp_path, "a").find("two") is None
    found = Kept(tmp_path, "a").find("one")
    assert found is not None
    assert found[0] == about
    assert found[1].tolist() == labels.tolist() == [0, 300, 2]
    assert found[1].dtype == labels.dtype == np.uint16


@pytest.mark.parametrize(
    ("changes", "bars"),
    [
        ({"clustering.k": 3}, ["clustering", "measures", "classes", "hierarchy", "structure"]),
        ({"units.threshold": 0.5, "evaluation.confidence": 0.9}, ["measures", "units"]),
        ({"selection.permutations": 199}, ["classes", "hierarchy"]),
        ({"reduction.perplexity": 4.0}, ["clustering", "measures", "classes", "hierarchy", "structure"]),
    ],
)
def test_changed_settings_redo_what_depends_on_them_to_the_same_bytes(
    copy: Run, corpus: Path, tmp_path: Path, changes: dict[str, Any], bars: list[str]
) -> None:
    settings = SETTINGS.changed(changes)
    name = next(name for name, _ in SETTINGS.flat() if name in changes)
    stale = with_what_follows(first_stages(changes))
    before = contents(copy.path)
    with pytest.raises(
        RunDirectoryError, match=rf"another setting {name} \(.*--overwrite, which does .* again, and keep"
    ):
        run(corpus, out=copy.path, settings=settings)
    assert contents(copy.path) == before
    times = {path: path.stat().st_mtime_ns for path in copy.path.rglob("*") if path.is_file()}
    heard = Listening()
    run(corpus, out=copy.path, settings=settings, overwrite=True, progress=heard)
    assert heard.bars == bars
    assert any(name in line and "the recogniser" in line and "are kept" in line for line in heard.said)
    untouched = {path for path, time in times.items() if path.exists() and path.stat().st_mtime_ns == time}
    assert {"model.safetensors", "panel.parquet", "D1.npy", "D1-pca.npy"} <= {path.name for path in untouched}
    assert ("psi/phones.json" in {str(path.relative_to(copy.path)) for path in untouched}) == ("units" not in stale)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    # what comes before is the same for both, and the kill test's: it is not made again
    shutil.copytree(copy.path, fresh, dirs_exist_ok=True)
    everything = with_what_follows(["pca", "units"])
    remove_stages(fresh, everything, Manifest(fresh))
    run(corpus, out=fresh, settings=settings)
    same(copy.path, fresh)


def test_too_many_clusters_leave_the_run_as_it_is(copy: Run, corpus: Path) -> None:
    before = contents(copy.path)
    with pytest.raises(SettingError, match=r"clustering\.k = 900"):
        run(corpus, out=copy.path, settings=SETTINGS.changed({"clustering.k": 900}), overwrite=True)
    assert contents(copy.path) == before


def test_another_seed_and_another_corpus_redo_everything(copy: Run, corpus: Path) -> None:
    special = r"another setting clustering\.k \(0: as many as phones in the panel\) than asked for \(3\);"
    with pytest.raises(RunDirectoryError, match=special):
        run(corpus, out=copy.path, settings=SETTINGS.changed({"clustering.k": 3}))
    with pytest.raises(RunDirectoryError, match=r"another setting seed \(0\).*does everything again"):
        run(corpus, out=copy.path, settings=SETTINGS.changed({"seed": 1}))
    with pytest.raises(RunDirectoryError, match=r"another corpus .*does everything again"):
        run(corpus.parent, out=copy.path, settings=SETTINGS)


def test_edited_settings_are_noticed(copy: Run, corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = copy.path / "config.toml"
    text = path.read_text()
    path.write_text("# a note of my own\n" + text)
    assert run(corpus, out=copy.path, settings=SETTINGS).finished, "a comment is no setting"
    path.write_text(text.replace("replicates = 20", "replicates = 2000"))
    edited = SETTINGS.changed({"evaluation.replicates": 2000})
    for settings in (SETTINGS, edited):
        with pytest.raises(RunDirectoryError, match=r"config\.toml: its settings were edited .*--overwrite"):
            run(corpus, out=copy.path, settings=settings)
    assert main(["report", str(copy.path)]) == 2
    assert "its settings were edited" in capsys.readouterr().err


DAMAGED = (
    "embeddings/D1-tsne.npy",
    "embeddings/raw-pca.json",
    "sweep.parquet",
    "scores.csv",
    "classes.csv",
    "psi/D1.npy",
    "outcomes.parquet",
    "linear.csv",
    "corpus.parquet",
    "figures/figure1.svg",
)


def test_what_is_damaged_is_named_and_made_again(runs: Path, copy: Run, corpus: Path) -> None:
    halves = {name: (copy.path / name).read_bytes() for name in DAMAGED}
    halves = {name: content[: len(content) // 2] for name, content in halves.items()}
    for name, content in halves.items():
        (copy.path / name).write_bytes(content)
    heard = Listening()
    run(corpus, out=copy.path, settings=SETTINGS, progress=heard)
    assert "activations" not in heard.bars
    for name, content in halves.items():
        path = copy.path / name
        assert [line for line in heard.warned if str(path) in line and "it is made again" in line], name
        aside = path.with_name(path.name + ".changed")
        if path.suffix in (".npy", ".parquet"):
            assert not aside.exists(), name
        else:  # somebody may have written something into it
            assert aside.read_bytes() == content, name
            aside.unlink()
    same(copy.path, runs / "whole")


def test_what_is_lost_is_made_again_and_nothing_else(runs: Path, copy: Run, corpus: Path) -> None:
    lost: tuple[str, ...] = ("scores.csv", "tests.csv", "psi/D1.npy", "unit_features.csv", "speakers.csv")
    lost = (*lost, "embeddings/raw-tsne.npy", "notation.json", "figures/figure1.svg")
    for name in lost:
        (copy.path / name).unlink()
    kept = ("sweep.parquet", "panel.parquet", "activations/D1.npy", "embeddings/raw-pca.npy", "classes.json")
    times = [(copy.path / name).stat().st_mtime_ns for name in kept]
    run(corpus, out=copy.path, settings=SETTINGS)
    assert [(copy.path / name).stat().st_mtime_ns for name in kept] == times
    same(copy.path, runs / "whole")


def test_a_single_digit_is_noticed_and_a_lost_activation_takes_what_follows_along(
    runs: Path, copy: Run, corpus: Path
) -> None:
    path = copy.path / "activations" / "D1.npy"
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    heard = Listening()
    run(corpus, out=copy.path, settings=SETTINGS, progress=heard)
    assert any(f"{path}: is not as it was written (its checksum is another)" in line for line in heard.warned)
    assert "epoch 1" not in heard.bars
    same(copy.path, runs / "whole")


@pytest.mark.parametrize("recorded", [True, False])
def test_a_damaged_recogniser_is_not_trained_again_unasked(
    copy: Run,
    corpus: Path,
    recorded: bool,  # noqa: FBT001
) -> None:
    path = copy.path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:40])
    if not recorded:
        (copy.path / "files.json").unlink()
    with pytest.raises(RunDirectoryError, match=r"model\.safetensors: is .*delete it and give the same command"):
        run(corpus, out=copy.path, settings=SETTINGS)
    path.unlink()
    with pytest.raises(KeyboardInterrupt):
        run(corpus, out=copy.path, settings=SETTINGS, progress=Listening("clustering"))
    assert path.stat().st_size > 40


def test_damage_is_seen_without_a_record_too(runs: Path, copy: Run, corpus: Path) -> None:
    (copy.path / "files.json").write_text("{")
    (copy.path / "report.html").unlink()
    for name in ("activations/raw.npy", "embeddings/D1-pca.npy", "clusters.parquet", "classes.json", "selection.csv"):
        path = copy.path / name
        os.truncate(path, 0 if name.endswith("csv") else path.stat().st_size - 7)
    heard = Listening()
    run(corpus, out=copy.path, settings=SETTINGS, progress=heard)
    assert sum("it is made again" in line for line in heard.warned) == 5
    (copy.path / "classes.json.changed").unlink()
    same(copy.path, runs / "whole")


def test_the_second_of_two_runs_is_refused_and_a_killed_one_blocks_nobody(
    copy: Run, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy.path / LOCK).write_text("process 1, killed long ago")
    run(corpus, out=copy.path, settings=SETTINGS)
    assert not (copy.path / LOCK).exists()
    program = (
        "import sys, pathlib, phonoscope.locking as l, phonoscope.progress as p\n"
        "with l.sole_use(pathlib.Path(sys.argv[1]), p.Quiet()): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", program, str(copy.path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        given = [f"--{name}={str(value).lower()}" for name, value in SMALL.items()]
        assert main(["run", str(corpus), "--out", str(copy.path), *given]) == 2
        told = capsys.readouterr().err
        assert f"{copy.path}: another phonoscope is at work in this folder (process {other.pid} on " in told
        with pytest.raises(RunDirectoryError, match="another phonoscope is at work"):
            redraw(copy.path)
        other.kill()
    with sole_use(copy.path, Quiet()):
        pass


def test_a_file_system_without_locks_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("phonoscope.locking.fcntl.flock", refused)
    heard = Listening()
    with sole_use(tmp_path, heard):
        assert heard.warned == [
            f"{tmp_path}: can not be locked (No locks available); see to it that no second run writes there"
        ]


def test_a_redrawn_run_that_goes_on_makes_its_own_classes(runs: Path, copy: Run, corpus: Path) -> None:
    redraw(copy.path, k=3)
    (copy.path / "units.csv").unlink()
    run(corpus, out=copy.path, settings=SETTINGS)
    same(copy.path, runs / "whole")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = False
    with suppress(OSError):
        command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
        mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603
    if not mounted:
        pytest.skip("no file system can be mounted here: that takes the rights of root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S603, S607


def test_a_full_disk_is_named_and_the_run_goes_on_when_there_is_room(
    small_disk: Path, runs: Path, corpus: Path
) -> None:
    out = small_disk / "run"
    filler = small_disk / "filler"
    shutil.copytree(runs / "whole", out, ignore=shutil.ignore_patterns("report.html", "figures", "cells"))
    remove_stages(out, with_what_follows(["tsne", "classes"]), Manifest(out))
    named = set()
    for room in (4_000 << i for i in range(10)):
        free = shutil.disk_usage(small_disk).free
        size = (filler.stat().st_size if filler.exists() else 0) + free - room
        filler.write_bytes(bytes(max(size, 0)))
        told = ""
        try:
            run(corpus, out=out, settings=SETTINGS)
        except DiskFullError as error:
            told = str(error)
        if not told:
            break
        named.add(told.partition("no room for ")[2].partition(" (")[0])
        assert "Make room and give the same command: it goes on from" in told
        assert str(out) in told
        assert not list(out.rglob(".*")), "a temporary file was left behind"
    else:
        pytest.fail("it never came through")
    assert len(named) >= 2, named
    same(out, runs / "whole")


def test_room_for_arrays_is_reserved_before_they_are_mapped(small_disk: Path) -> None:
    with (
        pytest.raises(DiskFullError, match=r"no room for the activations \(No space left.*; 8.0 MB are needed; 3.1 MB"),
        full_disk_named(small_disk, "the activations"),
        written_whole([small_disk / "a.npy", small_disk / "b.npy"]) as paths,
    ):
        open_arrays(paths, [(1000, 1000), (1000, 1000)])
    assert list(small_disk.iterdir()) == []
    (array,) = open_arrays([small_disk / "a.npy"], [(10, 5)])
    array[:] = 1
    assert np.load(small_disk / "a.npy").sum() == 50


def test_a_full_disk_is_known_by_what_each_library_says_of_it(small_disk: Path) -> None:
    frame = pl.DataFrame({"a": np.random.default_rng(0).random(900_000)})
    writers: dict[str, Callable[[Path], object]] = {
        "a.csv": frame.write_csv,
        "a.parquet": frame.write_parquet,
        "a.npy": lambda path: np.save(path, frame["a"].to_numpy()),
        "a.npz": lambda path: np.savez(path, a=frame["a"].to_numpy()),
        "a.txt": lambda path: path.write_bytes(bytes(4_000_000)),
    }
    for name, write in writers.items():
        with pytest.raises((OSError, pl.exceptions.PolarsError)) as caught:
            write(small_disk / name)
        assert disk_is_full(caught.value), name
        (small_disk / name).unlink()
    assert not disk_is_full(FileNotFoundError(errno.ENOENT, "No such file or directory"))
    with pytest.raises(FileNotFoundError), full_disk_named(small_disk, "the grid"):
        files.write_text(small_disk / "none" / "a.txt", "")
