"""Memory that a setting bounds: what is computed in blocks is what is computed at once, and four times as much data
takes no more memory."""

from __future__ import annotations

import tracemalloc
from threading import Lock
from time import sleep
from typing import TYPE_CHECKING

import numba
import numpy as np
import polars as pl
import pytest

from phonoscope.analysis import at_a_time
from phonoscope.evaluation import linear_probe, ranking, resampling, systems
from phonoscope.evaluation.discriminants import bytes_taken
from phonoscope.evaluation.layer_measures import LAYER_MEASURES, layer_and_chance_outcomes
from phonoscope.evaluation.linear import told_apart
from phonoscope.evaluation.ranking import Distances
from phonoscope.evaluation.resampling import draw_counts, mean_products, rows_by_phone
from phonoscope.evaluation.speaker_variance import speaker_variance
from phonoscope.files import write_frames
from phonoscope.parallel import each
from phonoscope.reduction import distances
from phonoscope.reduction.distances import centred_products

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

PHONES, SPEAKERS = 6, 5
MB = 1e6


def activations(n: int, d: int = 160) -> NDArray[np.float32]:
    """Samples of six phones, whose second unit is constant."""
    draws = np.random.default_rng(n)
    means = draws.standard_normal((PHONES, d))[np.arange(n) % PHONES]
    X = np.maximum(0.3 * means + draws.standard_normal((n, d)), 0).astype(np.float32)
    X[:, 1] = 2.0
    return X


def outcomes(X: NDArray[np.float32], memory: float) -> tuple[dict[str, NDArray[np.float64]], ...]:
    """All measures of a layer, of true and of shuffled phones."""
    i = np.arange(len(X))
    return layer_and_chance_outcomes(X, i % PHONES, i // PHONES % SPEAKERS, i // 40, seed=0, memory=memory)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make all blocks about a thousandth as large as they are."""
    monkeypatch.setattr(distances, "_CENTRED", 0)
    monkeypatch.setattr(distances, "_ROWS", 64)
    monkeypatch.setattr(ranking, "_KEYS", 2**14)
    monkeypatch.setattr(linear_probe, "_HELD", 0)
    monkeypatch.setattr(linear_probe, "_BLOCK", 2**16)
    monkeypatch.setattr(resampling, "_BLOCK", 2**16)
    monkeypatch.setattr(systems, "ROWS", 64)
    monkeypatch.setattr(linear_probe, "ROWS", 64)


def test_products_are_the_same_to_the_last_digit_however_they_are_centred(monkeypatch: pytest.MonkeyPatch) -> None:
    X = activations(700)
    at_once = centred_products(X)
    monkeypatch.setattr(distances, "_CENTRED", 0)
    assert np.array_equal(centred_products(X), at_once)
    centred = X - X.mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(at_once, centred @ centred.T, rtol=1e-10, atol=1e-9)


def test_tables_are_written_as_they_come(tmp_path: Path) -> None:
    rows, tables = 100_000, 40

    def made() -> Iterator[pl.DataFrame]:
        for i in range(tables):
            yield pl.DataFrame({"sample": np.arange(rows), "layer": pl.repeat(f"D{i}", rows, eager=True)})

    write_frames(made(), tmp_path / "one.parquet")
    write_frames(made(), tmp_path / "other.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "other.parquet").read_bytes()
    assert pl.read_parquet(tmp_path / "one.parquet").equals(pl.concat(made()))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.parquet", "other.parquet"]


def test_a_table_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1, 2]})
    write_frames([frame], tmp_path / "x.parquet")

    def failing() -> Iterator[pl.DataFrame]:
        yield frame
        msg = "no more"
        raise RuntimeError(msg)

    with pytest.raises(Exception, match="no more"):
        write_frames(failing(), tmp_path / "x.parquet")
    assert pl.read_parquet(tmp_path / "x.parquet").equals(frame)
    assert [path.name for path in tmp_path.iterdir()] == ["x.parquet"]


@pytest.mark.usefixtures("small")
def test_distances_without_all_products_are_those_with_them() -> None:
    X = activations(300)
    with_all, without = Distances(X, centred_products(X)), Distances(X, memory=1e-6)
    for rows in without.blocks():
        np.testing.assert_allclose(without.euclidean(rows), with_all.euclidean(rows), rtol=1e-10, atol=1e-9)
        np.testing.assert_allclose(without.cosine(rows), with_all.cosine(rows), rtol=1e-9, atol=1e-12)
    assert [rows.stop - rows.start for rows in without.blocks()[:2]] == [32, 32]


@pytest.mark.parametrize("d", [160, 500])  # fitted by units, and by samples
def test_measures_in_blocks_are_those_at_once(
    d: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = activations(400, d)
    request.getfixturevalue("small")
    in_blocks = outcomes(X, 1e-6)
    monkeypatch.undo()
    at_once = outcomes(X, 4.0)
    for name in LAYER_MEASURES:
        for one, other in zip(in_blocks, at_once, strict=True):
            np.testing.assert_allclose(one[name], other[name], atol=1e-5, err_msg=name)


def test_the_variance_of_some_rows_is_that_of_a_copy_of_them() -> None:
    X = activations(300)
    rows = np.flatnonzero(np.arange(300) % 7 < 5)
    phones, speakers = rows % PHONES, rows // PHONES % SPEAKERS
    found, copied = speaker_variance(X, phones, speakers, rows), speaker_variance(X[rows], phones, speakers)
    assert np.array_equal(found.share, copied.share)
    assert np.array_equal(found.low, copied.low)


def peak(work: Callable[[], object]) -> float:
    """Bytes that NumPy's arrays take at the most while something is done."""
    tracemalloc.start()
    try:
        work()
        return float(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


def structure(X: NDArray[np.float32]) -> None:
    """Means of the bootstrap's draws, and variances of the first speakers' samples."""
    index = np.arange(len(X)) % PHONES
    rows = rows_by_phone(index, PHONES)
    mean_products(X, rows, draw_counts([len(own) for own in rows], 20, 0))
    some = np.flatnonzero(np.arange(len(X)) // PHONES % SPEAKERS < SPEAKERS - 1)
    speaker_variance(X, index[some], some // PHONES % SPEAKERS, some)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("work", "fewest", "d"),
    [(lambda X: outcomes(X, 1e-3), 600, 160), (lambda X: outcomes(X, 1e-3), 300, 1_300), (structure, 600, 160)],
    ids=["measures", "measures of more units than samples", "structure"],
)
def test_four_times_the_panel_takes_no_more_memory(
    work: Callable[..., object], fewest: int, d: int, tmp_path: Path
) -> None:
    peaks = []
    for n in (fewest, fewest, 4 * fewest):  # the first: what is imported and compiled
        np.save(tmp_path / "layer.npy", activations(n, d))
        X = np.load(tmp_path / "layer.npy", mmap_mode="r")
        before = numba.get_num_threads()
        numba.set_num_threads(1)
        peaks.append(peak(lambda X=X: work(X)))  # type: ignore[misc]
        numba.set_num_threads(before)
    # all products of 2,400 samples are 46 MB, a copy of them 1.5 or 3; a fold's of 1,200 samples in single precision
    # 4.6, and to solve them takes 3.7 more; labels and outcomes are 100 bytes a sample
    assert peaks[2] < peaks[1] + 1.0 * MB, peaks


@pytest.mark.parametrize("d", [160, 2_000])  # by units, and by samples
@pytest.mark.parametrize("memory", [4.0, 1e-6])
def test_linear_maps_take_no_more_than_is_said_of_them(d: int, memory: float, tmp_path: Path) -> None:
    n = 1_200
    np.save(tmp_path / "layer.npy", activations(n, d))
    X = np.load(tmp_path / "layer.npy", mmap_mode="r")
    index, rows = np.arange(n) % PHONES, np.arange(n)
    folds = np.arange(n) // PHONES % 5
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    told_apart(X[:60], index[:60], folds[:60])  # what is imported and compiled
    most = peak(lambda: told_apart(X, index, folds, rows, memory))
    numba.set_num_threads(before)
    blocks = 2 * 512 * d * (8 + 4)
    # with little memory products lie in a file, but for the blocks that are read
    said = bytes_taken(n, d) if memory > 1 or d < n else 0
    assert most < said + blocks + 2 * MB, (most / MB, said / MB)


def test_no_more_items_are_under_way_than_fit() -> None:
    lock, under_way, most = Lock(), 0, 0

    def work(_item: int) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        sleep(0.01)
        with lock:
            under_way -= 1

    each(work, range(6), most=1)
    assert most == 1


def test_as_many_layers_at_a_time_as_their_affinities_fit() -> None:
    assert at_a_time(3_300, 4.0) == 11
    assert at_a_time(10_000, 4.0) == 1
    assert at_a_time(10_000, 16.0) == 6
    assert at_a_time(100_000, 0.01) == 1
