"""Runs side by side: a planted difference is found, none is not, and what can not be compared is said."""

from __future__ import annotations

import shutil
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

import phonoscope
from made_measures import plant_measures
from made_run import TWELVE, Plan, make_run
from oracles_comparison import slow_holm, slow_paired
from phonoscope.cli import main
from phonoscope.compared import open_runs, unique_names
from phonoscope.errors import PhonoscopeError, RunDirectoryError, SettingError
from phonoscope.rundir import read_config, record

if TYPE_CHECKING:
    from pathlib import Path

    from phonoscope import Comparison, Run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """`plain`, and one that is .02 better in F only; one as good as `plain`; one of other phones and layers."""
    folder = tmp_path_factory.mktemp("runs")
    made = {"plain": make_run(folder / "plain")}
    for name in ("better", "alike"):
        shutil.copytree(folder / "plain", folder / name)
        made[name] = phonoscope.Run(folder / name)
    fewer = {phone: sign for phone, sign in TWELVE.items() if phone not in "bdz"}
    layers = {"raw": (3, 5, 8), "conv1": (4, 3, 8), "conv2": (4, 3, 8), "D9": (24,)}
    made["other"] = make_run(folder / "other", Plan(phones={**fewer, "o": "o"}, layers=layers, utterance="b/{i}"))
    plant_measures(made["plain"], own=1)
    plant_measures(made["better"], own=2, shifts={"f_measure": 0.02, "abx_across": -0.02})
    plant_measures(made["alike"], own=3)
    plant_measures(made["other"], own=4, replicates=150)
    return made


@pytest.fixture(scope="module")
def two(runs: dict[str, Run]) -> Comparison:
    return phonoscope.compare([runs["better"].path, runs["plain"].path])


def test_a_planted_difference_holds_and_no_other(two: Comparison) -> None:
    tests = two.differences
    assert two.pairs["paired"].to_list() == [True]
    # 6 clusterings of two measures, and two of the activations; best, last, and the two other shared layers
    assert tests.height == (6 * 2 + 2) * 4
    assert set(tests.filter("holds")["measure"]) == {"f_measure", "abx_across"}
    planted = tests.filter(pl.col("measure").is_in(["f_measure", "abx_across"]))
    assert planted["holds"].all()
    # ABX is errors: the lower is the better one
    assert planted["ahead"].to_list() == ["better"] * planted.height
    assert tests.filter(~pl.col("holds"))["ahead"].is_null().all()
    assert tests.filter(measure="f_measure")["difference"].to_numpy() == pytest.approx(0.02)
    assert set(tests["place"]) == {"best", "last", "layer"}
    assert set(tests.filter(place="layer")["layer_a"]) == {"raw", "conv1"}


def test_every_number_is_that_of_the_slow_test(runs: dict[str, Run], two: Comparison) -> None:
    tables = [pl.read_parquet(runs[name].path / "replicates.parquet") for name in ("better", "plain")]
    measured = [pl.read_csv(runs[name].path / "measures.csv") for name in ("better", "plain")]
    for row in two.differences.iter_rows(named=True):
        what = {name: row[name] for name in ("reduction", "clusterer", "measure")}
        values, draws = [], []
        for table, values_table in zip(tables, measured, strict=True):
            rows = values_table.with_columns(pl.col("clusterer").fill_null("")).filter(**what)
            pick = min if row["measure"] == "abx_across" else max
            chosen = table.filter(**what)
            if row["place"] != "best":
                rows, chosen = rows.filter(layer=row["layer_a"]), chosen.filter(layer=row["layer_a"])
            values.append(pick(rows["value"]))
            by_replicate: dict[int, list[float]] = {}
            for layer, value in rows.select("layer", "value").iter_rows():
                found_there = chosen.filter(layer=layer).sort("replicate")["value"].to_list()
                mean = sum(found_there) / len(found_there)
                for b, replicate in enumerate(found_there):
                    by_replicate.setdefault(b, []).append(replicate - mean + value)
            draws.append([pick(by_replicate[b]) for b in sorted(by_replicate)])
        expected = slow_paired(values[0], values[1], list(zip(*draws, strict=True)))
        found = (row["difference"], row["low"], row["high"], row["se"], row["p"])
        assert found == pytest.approx(expected if expected[0] else (*expected[:4], 1.0), abs=1e-9), row
    assert two.differences["p_holm"].to_list() == pytest.approx(slow_holm(two.differences["p"].to_list()))


def test_runs_without_a_difference_have_none(runs: dict[str, Run]) -> None:
    found = phonoscope.compare([runs["plain"].path, runs["alike"].path])
    assert not found.differences["holds"].any()


def test_a_run_differs_in_nothing_from_itself(runs: dict[str, Run]) -> None:
    found = phonoscope.compare([runs["plain"].path, runs["plain"].path])
    assert [one.name for one in found.runs] == ["plain", "plain (2)"]
    tests = found.differences
    assert (tests["difference"].abs().max(), tests["low"].abs().max(), tests["high"].abs().max()) == (0, 0, 0)
    assert tests["p"].min() == 1
    assert not tests["holds"].any()
    assert found.classes["ari"].min() == found.samples["ami"].min() == pytest.approx(1)
    assert found.classes["only_a"].to_list() == found.classes["only_b"].to_list() == [""] * found.classes.height
    assert found.warnings == ()


def test_other_seeds_and_panels_are_not_paired(runs: dict[str, Run], tmp_path: Path) -> None:
    """The same difference that holds in pairs is nothing between independent replicates."""
    moved = tmp_path / "moved"
    shutil.copytree(runs["better"].path, moved)
    panel = phonoscope.Run(moved).panel
    panel.with_columns(pl.col("time") + 0.01).write_parquet(moved / "panel.parquet")
    reseeded = tmp_path / "reseeded"
    shutil.copytree(runs["better"].path, reseeded)
    settings, about = read_config(reseeded)
    record(reseeded, settings.changed({"seed": 5}), about["corpus"], 1)
    for path, shared in ((moved, 0.0), (reseeded, 1.0)):
        found = phonoscope.compare([path, runs["plain"].path])
        assert found.pairs.select("paired", "shared_samples").rows() == [(False, shared)]
        assert not found.differences["paired"].any()
        assert not found.differences.filter(place="last")["holds"].any()
        assert (found.differences["se"] > 0.035).all()


def test_settings_that_count_for_no_panel_are_not_warned_of(runs: dict[str, Run], tmp_path: Path) -> None:
    """An untrained network is not asked what it gets right, whatever its settings say."""

    def another(name: str, **changes: object) -> Path:
        shutil.copytree(runs["plain"].path, tmp_path / name)
        settings, _ = read_config(tmp_path / name)
        record(tmp_path / name, settings.changed({k.replace("__", "."): v for k, v in changes.items()}), "made", 1)
        return tmp_path / name

    untrained = another("untrained", recogniser__kind="untrained", probing__correct_only=True)
    everything = another("everything", probing__correct_only=False)
    assert phonoscope.compare([untrained, everything]).warnings == ()
    (warning,) = phonoscope.compare([runs["plain"].path, untrained]).warnings
    assert warning == "plain and untrained were measured with other settings: probing.correct_only (True and False)."
    (warning,) = phonoscope.compare([runs["plain"].path, everything]).warnings
    assert warning == "plain and everything were measured with other settings: probing.correct_only (True and False)."


def test_other_phones_are_another_task(runs: dict[str, Run]) -> None:
    found = phonoscope.compare([runs["plain"].path, runs["other"].path])
    assert found.pairs.select("paired", "same_phones", "shared_phones", "phones_a", "phones_b").rows() == [
        (False, False, 9, 12, 10)
    ]
    assert "another task" in found.warnings[0]
    assert set(found.classes["n_phones"]) == {9}
    assert found.samples.is_empty()
    assert found.differences["ahead"].is_null().all(), "nobody is ahead in another task"
    layers = found.differences.select("place", "layer_a", "layer_b").unique().rows()
    assert {one for one in layers if one[0] != "best"} == {
        ("last", "D1", "D9"),
        ("layer", "raw", "raw"),
        ("layer", "conv1", "conv1"),
    }
    depths = found.curves.filter(run="other", measure="linear_probe").select("layer", "depth").rows()
    assert depths == [("raw", 0), ("conv1", pytest.approx(1 / 3)), ("conv2", pytest.approx(2 / 3)), ("D9", 1)]


def test_phones_are_the_same_if_their_signs_are(runs: dict[str, Run], tmp_path: Path) -> None:
    shutil.copytree(runs["plain"].path, tmp_path / "renamed")
    renamed = phonoscope.Run(tmp_path / "renamed")
    for name in ("panel.parquet", "panel.csv"):
        table = renamed.panel if name == "panel.parquet" else renamed.panel_counts
        table = table.with_columns(pl.col("phone").replace({"E": "eh"}))
        table.write_parquet(renamed.path / name) if name == "panel.parquet" else table.write_csv(renamed.path / name)
    text = (renamed.path / "classes.json").read_text(encoding="utf-8")
    (renamed.path / "classes.json").write_text(text.replace('"E"', '"eh"'), encoding="utf-8")
    found = phonoscope.compare([runs["plain"].path, renamed.path])
    # draws go phone by phone in the order of the labels: they are not the same with other labels
    assert found.pairs.select("paired", "same_phones").rows() == [(False, True)]
    assert found.samples["ami"].min() == pytest.approx(1), "the samples are"


def test_the_best_layer_may_be_another_in_each_run(runs: dict[str, Run], tmp_path: Path) -> None:
    shutil.copytree(runs["plain"].path, tmp_path / "early")
    plant_measures(phonoscope.Run(tmp_path / "early"), own=9, level={"conv1": 0.7})
    found = phonoscope.compare([tmp_path / "early", runs["plain"].path], measures=["linear_probe"])
    best = found.differences.filter(place="best").row(0, named=True)
    assert (best["layer_a"], best["layer_b"], best["difference"]) == ("conv1", "D1", pytest.approx(0.1))
    assert best["ahead"] == "early"
    assert found.differences.height == 4, "the other measures are neither tested nor corrected for"
    assert set(found.curves["measure"]) == {"linear_probe"}


def test_classes_and_clusters_of_the_same_run_in_both_orders(runs: dict[str, Run]) -> None:
    paths = [runs["plain"].path, runs["other"].path]
    one, other = (phonoscope.compare(order).classes for order in (paths, paths[::-1]))
    mirrored = other.select(one.columns).rename({"only_a": "only_b", "only_b": "only_a"})
    assert one["ari"].to_list() == pytest.approx(mirrored["ari"].to_list())
    for name in ("only_a", "only_b", "both"):
        for first, second in zip(one[name], mirrored[name], strict=True):
            sets = [{frozenset(pair.split()) for pair in text.split(", ") if pair} for text in (first, second)]
            assert sets[0] == sets[1]


def test_three_runs_make_three_pairs_and_one_family(runs: dict[str, Run]) -> None:
    found = phonoscope.compare([runs[name].path for name in ("plain", "better", "other")])
    assert found.pairs.select("run_a", "run_b").rows() == [
        ("plain", "better"), ("plain", "other"), ("better", "other")
    ]  # fmt: skip
    assert found.differences["p_holm"].to_list() == pytest.approx(slow_holm(found.differences["p"].to_list()))
    assert found.classes["p_holm"].to_list() == pytest.approx(slow_holm(found.classes["p"].to_list()))
    assert "plain" not in found.differences.filter(run_a="plain", run_b="better")["ahead"].to_list()


def test_seeds_are_part_of_the_replicates(runs: dict[str, Run], tmp_path: Path) -> None:
    shutil.copytree(runs["plain"].path, tmp_path / "seeds")
    plant_measures(phonoscope.Run(tmp_path / "seeds"), own=9, seeds=3, replicates=120)
    both = open_runs([tmp_path / "seeds", runs["plain"].path])
    draws = both[0].draws["none", "", "linear_probe"]
    assert draws.values.shape == (3, 360)
    assert draws.keys.rows() == list(product(range(3), range(120)))
    found = phonoscope.compare([tmp_path / "seeds", runs["plain"].path])
    assert found.pairs["paired"].to_list() == [True]
    assert not found.differences["paired"].any(), "keys that are not the same can not be paired"


def test_names(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a/run", "b/run", "c", "c")]
    assert unique_names(folders) == ["a/run", "b/run", "c", "c (2)"]


# --- what can not be compared ---


def test_what_is_no_run_or_lacks_its_measures_is_refused(runs: dict[str, Run], tmp_path: Path) -> None:
    plain = runs["plain"].path
    with pytest.raises(SettingError, match="1 run given: name two to 8"):
        phonoscope.compare([plain])
    with pytest.raises(SettingError, match="9 runs given"):
        phonoscope.compare([plain] * 9)
    with pytest.raises(RunDirectoryError, match="nowhere: holds no run"):
        phonoscope.compare([plain, tmp_path / "nowhere"])
    with pytest.raises(SettingError, match="no run has the measure 'recal'; the measures: f_measure, ami"):
        phonoscope.compare([plain, plain], measures=["recal"])
    shutil.copytree(plain, tmp_path / "old")
    (tmp_path / "old" / "measures.csv").unlink()
    with pytest.raises(RunDirectoryError, match=r"before intervals were measured.*phonoscope run"):
        phonoscope.compare([plain, tmp_path / "old"])
    (tmp_path / "old" / "scores.csv").unlink()
    with pytest.raises(RunDirectoryError, match=r"is not finished \(scores.csv"):
        phonoscope.compare([plain, tmp_path / "old"])


@pytest.mark.parametrize("name", ["measures.csv", "replicates.parquet"])
def test_a_broken_table_is_named(runs: dict[str, Run], tmp_path: Path, name: str) -> None:
    shutil.copytree(runs["plain"].path, tmp_path / "broken")
    for content in (b"", b"what,is\nthis,table\n"):
        (tmp_path / "broken" / name).write_bytes(content)
        with pytest.raises(RunDirectoryError, match=f"{name}: can not be read"):
            phonoscope.compare([runs["plain"].path, tmp_path / "broken"])


def test_the_command(runs: dict[str, Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(runs[name].path) for name in ("better", "plain")]
    page = tmp_path / "page.html"
    assert main(["compare", *paths, "--out", str(page), "--csv", str(tmp_path / "tables"), "--quiet"]) == 0
    printed = capsys.readouterr().out
    assert (
        "F, k-medians, at the best layer, which is the last: better (D1) 0.620 is ahead of plain (D1) 0.600 by 0.020 ["
        in printed
    )
    assert f"page: {page}" in printed
    assert sorted(one.name for one in (tmp_path / "tables").iterdir()) == [
        "class_agreement.csv", "curves.csv", "differences.csv", "sample_agreement.csv"
    ]  # fmt: skip
    assert np.isfinite(pl.read_csv(tmp_path / "tables" / "differences.csv")["p_holm"].to_numpy()).all()
    (tmp_path / "file").touch()
    for arguments, expected in (
        (paths[:1], "1 run given"),
        ([*paths, "--out", str(tmp_path / "no" / "page.html")], "can not be written"),
        ([*paths, "--out", str(tmp_path)], "can not be written"),
        ([*paths, "--csv", str(tmp_path / "file")], "can not be written"),
        ([*paths, "--measure", "recal"], "no run has the measure 'recal'"),
        ([paths[0], str(tmp_path)], "holds no run"),
    ):
        out = [] if "--out" in arguments else ["--out", str(page)]
        assert main(["compare", *arguments, *out, "--quiet"]) == 2
        assert expected in capsys.readouterr().err
    assert main(["compare", *paths]) == 2
    assert "--out" in capsys.readouterr().err


def test_errors_are_phonoscope_s_own(tmp_path: Path) -> None:
    with pytest.raises(PhonoscopeError):
        phonoscope.compare([tmp_path, tmp_path])
