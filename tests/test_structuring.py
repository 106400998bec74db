"""The stage: its files, from a planted run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

import oracles_structure as oracles
from made_run import SMALL, Plan, forget, make_run
from phonoscope.phonology.analogies import find_analogies
from phonoscope.progress import Quiet
from phonoscope.rundir import clear
from phonoscope.structuring import FILES, at_a_time, structure

if TYPE_CHECKING:
    from pathlib import Path

    from phonoscope.results import Run

LAYERS = ["raw", "conv1", "D1"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("structure"), Plan(samples=12, speakers=("v1", "v2", "v3")))


def test_the_analogies_are_those_of_the_phones_and_their_means(made: Run) -> None:
    table, listed = made.analogies, made.analogy_list
    ipa = {phone: made.ipa[phone] for phone in dict.fromkeys(made.panel["phone"])}
    expected = find_analogies(ipa)
    assert table["layer"].unique(maintain_order=True).to_list() == LAYERS
    assert table.filter(layer="raw")["feature"].to_list() == ["all", *expected.feature_names]
    labels = made.panel["phone"].to_numpy()
    for layer in LAYERS:
        means = np.array([made.activations(layer)[labels == phone].mean(axis=0, dtype=float) for phone in ipa])
        ranks = oracles.analogy_ranks(means, expected.quads.tolist(), "cosine")
        own = listed.filter(layer=layer)
        assert own["rank"].to_list() == ranks
        assert (own["hit"] == (own["answer"] == own["d"])).all()
        for feature in expected.feature_names:
            (share,) = table.filter(layer=layer, feature=feature)["share"]
            assert share == pytest.approx(own.filter(feature=feature)["hit"].mean())
        assert own["a"][0] in ipa
    assert ((table["low"] <= table["share"]) & (table["share"] <= table["high"])).all()
    assert table["p_value"].is_between(0.01, 1).all()
    # voicing is planted as a pattern that is added, whatever the phone
    (voicing,) = table.filter(layer="D1", feature="voicing")["share"]
    assert voicing > table.filter(layer="D1", feature="voicing")["chance"][0]


def test_what_a_linear_map_tells_apart_is_told_of_phones_and_of_layers(made: Run) -> None:
    phones, layers = made.linear, made.linear_layers
    assert phones.columns == [
        "layer",
        "phone",
        "n_samples",
        "recall",
        "low",
        "high",
        "pairs_apart",
        "hardest",
        "hardest_right",
    ]
    assert layers["layer"].to_list() == LAYERS
    assert layers["chance"].to_list() == [1 / 12] * 3
    assert set(phones["n_samples"]) == {12}
    for row in layers.iter_rows(named=True):
        own = phones.filter(layer=row["layer"])
        assert own["recall"].mean() == pytest.approx(row["accuracy"])
        assert (own["recall"] >= 0.9).mean() == pytest.approx(row["phones_apart"])
        assert own["pairs_apart"].mean() == pytest.approx(row["pairs_apart"])
        assert row["accuracy"] > 0.9, "phones are planted apart"
        assert (row["folds"], row["folds_by"]) == (5, "utterance"), "three speakers are too few for five parts"
    assert (phones["hardest"] != phones["phone"]).all()


def test_speakers_that_are_alike_have_no_share(made: Run) -> None:
    table = made.speaker_shares
    assert set(table["n_speakers"]) == {3}
    for layer in LAYERS:
        own = dict(table.filter(layer=layer).select("source", "share").iter_rows())
        assert sum(own.values()) == pytest.approx(1)
        assert own["phone"] > 0.5
        assert abs(own["speaker"]) < 0.05
    assert table["low"].null_count() == 0


def test_f_by_size_ends_with_the_grid_s(made: Run) -> None:
    table = made.panel_sizes
    assert table["n_per_phone"].unique().sort().to_list() == [2, 5, 10, 12]
    whole = table.filter(n_per_phone=12)
    grid = made.scores.filter(reduction="pca")
    assert whole["f_measure"].to_list() == grid["f_measure"].to_list()
    assert whole["chance"].null_count() == whole.height
    parts = table.filter(pl.col("n_per_phone") < 12)
    assert set(parts["draws"]) == {2}
    assert (parts["n_samples"] == 12 * parts["n_per_phone"]).all()
    assert ((parts["low"] <= parts["f_measure"]) & (parts["f_measure"] <= parts["high"])).all()
    assert (parts["chance"] < parts["f_measure"]).all()


def test_one_speaker_few_phones_and_no_draws_leave_tables_without_figures(tmp_path: Path) -> None:
    plan = Plan(
        phones={"p": "p", "a": "a"},
        samples=5,
        layers={"D1": (6,)},
        speakers=("v1",),
        formants=False,
        settings=SMALL.changed({"structure.draws": 0}),
    )
    run = make_run(tmp_path, plan)
    assert run.analogies.is_empty()
    assert run.analogy_list.is_empty()
    assert run.speaker_shares["share"].null_count() == 4
    assert run.speaker_shares["n_speakers"].to_list() == [1] * 4
    assert run.panel_sizes["n_per_phone"].to_list() == [5, 5]
    assert run.linear["recall"].is_between(0, 1).all()


def test_the_same_panel_gives_the_same_files_and_what_is_there_is_kept(made: Run) -> None:
    before = {name: (made.path / name).read_bytes() for name in FILES}
    structure(made, SMALL.changed({"structure.bootstraps": 30}), Quiet())
    assert {name: (made.path / name).read_bytes() for name in FILES} == before
    forget(made, "structure")
    assert not any((made.path / name).exists() for name in FILES)
    structure(made, SMALL, Quiet())
    assert {name: (made.path / name).read_bytes() for name in FILES} == before


def test_the_files_are_a_run_s_own(tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / name).touch()
    clear(tmp_path)
    assert not list(tmp_path.iterdir())


def test_any_memory_gives_the_same_files(made: Run) -> None:
    before = {name: (made.path / name).read_bytes() for name in FILES}
    settings = SMALL.changed({"clustering.memory": 0.01})
    for name in FILES:
        (made.path / name).unlink()
    structure(made, settings, Quiet())
    assert {name: (made.path / name).read_bytes() for name in FILES} == before


def test_as_many_layers_at_a_time_as_fit() -> None:
    # 5,000 samples: products of all and of a part; the widest layer counts
    assert at_a_time(5_000, [40, 10_368], 4.0) == 6
    assert at_a_time(5_000, [40], 4.0) == 26
    assert at_a_time(5_000, [10_368], 0.25) == 1
