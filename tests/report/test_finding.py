"""The finding and the methods: words that the numbers and the settings support, and no others."""

from __future__ import annotations

import re
from dataclasses import fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonoscope.report.finding import finding
from phonoscope.report.methods import methods
from phonoscope.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REDUCTIONS = ("none", "pca", "tsne")
PAPER_LAYERS = ["raw", "conv1", "mp1", "D1"]


def scores_of(cells: Mapping[tuple[str, str, str], float]) -> pl.DataFrame:
    return pl.DataFrame(
        [{"layer": x, "clusterer": c, "reduction": r, "seed": 0, "f_measure": f} for (x, c, r), f in cells.items()]
    )


def by_layer(
    values: Sequence[float], clusterers: Sequence[str] = ("kmedians", "spectral"), layers: Sequence[str] = "abcdefgh"
) -> pl.DataFrame:
    """The same F for every clusterer and reduction."""
    return scores_of(
        {(x, c, r): f for x, f in zip(layers, values, strict=False) for c in clusterers for r in REDUCTIONS}
    )


def entry(**more: object) -> dict[str, Any]:
    natural = [{"natural": {"significant": s}} for s in (True, True, False)]
    base = {"layer": "D3", "clusterer": "spectral", "k": 7, "criterion": "silhouette", "main": True, "at_edge": False}
    return {**base, "classes": natural, **more}


# --- how F goes with depth ---


def test_a_steady_rise_is_one_and_has_its_largest_step() -> None:
    said = finding(by_layer([0.2, 0.3, 0.7, 0.8]), [])[0]
    assert said == (
        "How well clusters match phones rises with every layer: F goes from 0.20 at a to 0.80 at d (the best "
        "clustering of each layer); the largest step is from b to c."
    )


def test_a_steady_fall_is_one() -> None:
    said = finding(by_layer([0.8, 0.7, 0.3]), [])[0]
    assert "falls with every layer" in said
    assert "the largest step is from b to c" in said


@pytest.mark.parametrize("values", [[0.2, 0.5, 0.45, 0.8], [0.2, 0.2, 0.8]])
def test_a_rise_that_pauses_is_not_said_to_come_with_every_layer(values: list[float]) -> None:
    said = finding(by_layer(values), [])[0]
    assert "rises" in said
    assert "every layer" not in said


def test_no_change_is_no_rise() -> None:
    said = finding(by_layer([0.50, 0.52, 0.53]), [])[0]
    assert said.startswith("F hardly changes with depth")
    assert "rises" not in said


def test_a_peak_in_the_middle_is_told() -> None:
    said = finding(by_layer([0.2, 0.9, 0.21]), [])[0]
    assert "hardly changes" not in said
    assert "it is highest at b, 0.90" in said
    said = finding(by_layer([0.2, 0.9, 0.5]), [])[0]
    assert "rises" in said
    assert "it is highest at b, 0.90" in said
    said = finding(by_layer([0.6, 0.1, 0.9]), [])[0]
    assert "lowest at b, 0.10" in said
    assert "highest" not in said


def test_one_layer_has_no_depth_and_two_have_one_step() -> None:
    assert finding(by_layer([0.4]), [])[0] == "F is 0.40 at a, its best clustering."
    assert "largest step" not in finding(by_layer([0.4, 0.8]), [])[0]


def test_the_best_clustering_of_each_layer_is_what_is_compared() -> None:
    cells = {("a", "kmedians", "none"): 0.1, ("a", "spectral", "tsne"): 0.6, ("b", "kmedians", "none"): 0.62}
    assert "F hardly changes with depth: from 0.60 at a to 0.62 at b" in finding(scores_of(cells), [])[0]


def test_of_equally_good_clusterings_the_first_one_s_interval_is_told() -> None:
    scores = by_layer([0.4, 0.4])
    measures = scores.with_row_index().select(
        "layer",
        "reduction",
        "clusterer",
        pl.lit("f_measure").alias("measure"),
        pl.col("f_measure").alias("value"),
        (pl.col("index") / 100).alias("low"),
        pl.lit(0.5).alias("high"),
        pl.lit(0.1).alias("chance"),
        pl.lit(0.2).alias("chance_high"),
    )
    for _ in range(20):  # groups come in another order now and then
        said = finding(scores, [], measures)[0]
        assert "from 0.40 [.00, .50] at a to 0.40 [.06, .50] at b" in said


@given(st.lists(st.integers(0, 100), min_size=1, max_size=8))
def test_no_word_about_depth_is_more_than_the_numbers_hold(hundredths: list[int]) -> None:
    f = [h / 100 for h in hundredths]
    said = finding(by_layer(f), [])[0]
    steps = [b - a for a, b in pairwise(f)]
    if "rises" in said:
        assert f[-1] > f[0]
    if "falls" in said:
        assert f[-1] < f[0]
    if "every layer" in said:
        assert all(s > 0 for s in steps) or all(s < 0 for s in steps)
    if "hardly changes" in said:
        assert max(f) - min(f) < 0.1
    for value, layer in re.findall(r"(\d\.\d\d) at (\w)", said):
        assert f["abcdefgh".index(layer)] == pytest.approx(float(value))
    if (step := re.search(r"largest step is from (\w) to (\w)", said)) is not None:
        first, second = ("abcdefgh".index(x) for x in step.groups())
        assert second == first + 1
        way = 1 if f[-1] > f[0] else -1
        assert way * steps[first] == max(way * s for s in steps)
    if (top := re.search(r"highest at (\w)", said)) is not None:
        assert f["abcdefgh".index(top[1])] == max(f)
    elif len(f) > 1:
        assert max(f) - max(f[0], f[-1]) < 0.1, "what lies far above both ends is told"


# --- clusterers and t-SNE ---


def test_clusterers_are_compared_at_the_last_layer_only_where_there_are_two() -> None:
    cells = {(x, c, "none"): 0.3 for x in "ab" for c in ("kmedians", "spectral")}
    alike = finding(scores_of({**cells, ("b", "spectral", "none"): 0.33}), [])
    assert "At b k-medians and spectral clustering do about as well (0.30, 0.33)." in alike
    ahead = finding(scores_of({**cells, ("b", "spectral", "none"): 0.5}), [])
    assert "At b spectral clustering is ahead of k-medians (0.50 against 0.30)." in ahead
    behind = finding(scores_of({**cells, ("b", "kmedians", "none"): 0.5}), [])
    assert "At b k-medians is ahead of spectral clustering (0.50 against 0.30)." in behind
    assert not any("k-medians" in s for s in finding(by_layer([0.3, 0.4], ["spectral"]), []))


def test_t_sne_is_counted_layer_by_layer_where_it_was_highest() -> None:
    cells = {(x, c, r): 0.3 for x in PAPER_LAYERS for c in ("kmedians", "spectral") for r in REDUCTIONS}
    cells["conv1", "kmedians", "tsne"] = cells["mp1", "kmedians", "tsne"] = 0.5
    cells["conv1", "spectral", "tsne"] = 0.4
    cells["conv1", "spectral", "pca"] = 0.4  # as good is not higher
    cells["D1", "spectral", "tsne"] = 0.9  # a dense layer
    said = [s for s in finding(scores_of(cells), []) if "t-SNE" in s]
    assert said == [
        (
            "On the convolution and pooling layers t-SNE gives the highest F in 2 of 2 with k-medians and in 0 of 2 "
            "with spectral clustering."
        )
    ]
    del cells["conv1", "spectral", "pca"]
    assert not any("t-SNE" in s for s in finding(scores_of(cells), []))
    assert not any("t-SNE" in s for s in finding(by_layer([0.3, 0.4]), []))


# --- classes ---


def test_the_classes_of_the_last_layer_are_counted_for_each_clusterer_by_its_own_criterion() -> None:
    entries = [
        entry(layer="raw", k=9),
        entry(clusterer="kmedians", k=17, criterion="davies_bouldin", at_edge=True),
        entry(k=5, main=False),
        entry(),
    ]
    said = finding(by_layer([0.3]), entries)[-1]
    assert said == (
        "Left to find the number of classes, D3 gives 17 classes from k-medians, by Davies-Bouldin, at the edge of the "
        "range (natural classes beyond chance: 2) and 7 classes from spectral clustering, by silhouette (natural "
        "classes beyond chance: 2)."
    )


def test_a_given_number_of_classes_was_not_found() -> None:
    said = finding(by_layer([0.3]), [entry(criterion="given")])[-1]
    assert said.startswith("With the number of classes given, D3 gives 7 classes from spectral clustering (natural")
    assert "Left to find" not in said


def test_nothing_is_said_of_classes_that_are_not_there() -> None:
    assert not any("classes" in s for s in finding(by_layer([0.3, 0.5]), []))
    assert not any("classes" in s for s in finding(by_layer([0.3, 0.5]), [entry(main=False)]))


# --- methods ---


PANEL = pl.DataFrame({"phone": ["a"] * 200 + ["b"] * 200, "speaker": "s"})
TRAINING = pl.DataFrame({"frame_accuracy": [0.5, 0.733], "phone_error_rate": [0.4, 0.223]})
ABOUT = {"corpus": "built-in", "phonoscope": "0.1.0", "python": "3.11.7", "jobs": 2, "libraries": {"numpy": "2.4"}}


def paragraph(settings: Settings, corpus: str = "built-in", ks: Sequence[int] = (33,)) -> str:
    about = {**ABOUT, "corpus": corpus} | ({"model": "theirs"} if corpus == "probed" else {})
    return methods(settings, about, "5.0 minutes", panel=PANEL, training=TRAINING, ks=list(ks))


def test_the_methods_say_when_k_medians_ends_on_large_panels() -> None:
    words = "at most 100 iterations, until no more than one sample in 2,000 changed its cluster)"
    large = pl.concat([PANEL] * (10_000 // PANEL.height))
    assert large.height == 10_000
    for panel, said in ((large, False), (pl.concat([large, PANEL.head(1)]), True)):
        found = methods(Settings(), ABOUT, "5.0 minutes", panel=panel, training=TRAINING, ks=[33])
        assert (words in found) == said


def others(name: str) -> list[Any]:
    """Other values that a setting may have."""
    stage, _, key = name.rpartition(".")
    owner = getattr(Settings(), stage) if stage else Settings()
    kind = get_type_hints(type(owner))[key]
    value = getattr(owner, key)
    if get_origin(kind) is Literal:
        return [choice for choice in get_args(kind) if choice != value]
    if kind is bool:
        return [not value]
    if kind is str:
        return ["some <words>"]
    meta = next(f for f in fields(owner) if f.name == key).metadata
    steps = [value + 1, value - 1] if kind is int else [value * 0.97, value * 1.01 + 1e-4]
    low, high = meta["low"], meta["high"]
    return [v for v in steps if (low is None or v >= low) and (high is None or v <= high)]


OTHERS: dict[str, list[Any]] = {
    "signal.sample_rate": [8_000],  # whole numbers of samples
    "signal.hop_ms": [5.0, 12.5],
    "recogniser.hidden": ["512,512", "1024,1024,1024,1024", "1024,1024,1024,1024,1000"],
}
# these are said by what came out of them: the numbers of clusters of the grid and of the classes, and the layers with
# their times of a model that was probed
UNSAID = (
    "clustering.k",
    "selection.k",
    *(f"probe.{name}" for name in ("layers", "frame_rate", "offset", "sample_rate")),
)
NAMES = [name for name, _ in Settings().flat() if name not in UNSAID]


@pytest.mark.parametrize("name", NAMES)
def test_the_methods_name_every_setting(name: str) -> None:
    corpus = {"corpus": "some/folder", "probe": "probed"}.get(name.partition(".")[0], "built-in")
    values = OTHERS.get(name) or others(name)
    assert values
    # these two are the dense network's
    own = {"recogniser.kind": "dnn"} if name in ("recogniser.hidden", "recogniser.activation") else {}
    before = Settings().changed(own)
    for value in values:
        other = before.changed({name: value})
        assert paragraph(other, corpus) != paragraph(before, corpus), f"{name} = {value} is not to be seen"


def test_the_methods_tell_what_was_run_and_what_came_out() -> None:
    said = paragraph(Settings(), ks=[17, 33])
    for words in ("k = 17, 33", "0.733", "0.223", "2 epochs", "400 validation samples of 2 phones", "numpy 2.4"):
        assert words in said
    assert "synthesised" in said
    assert "synthesised" not in paragraph(Settings(), "some/folder")


def test_a_given_number_of_classes_was_not_chosen_by_a_criterion() -> None:
    said = paragraph(Settings().changed({"selection.k": 7}))
    assert "k = 7 classes were asked for" in said
    assert "was chosen" not in said


def test_a_perplexity_that_a_small_panel_lowers_is_told_as_it_was() -> None:
    small = methods(Settings(), ABOUT, "", panel=PANEL[:31], training=TRAINING, ks=[2])
    assert "perplexity 10," in small
    assert "perplexity 30," in paragraph(Settings())


def test_a_share_is_not_rounded_to_all() -> None:
    assert "99.5 % of the variance" in paragraph(Settings().changed({"reduction.pca_variance": 0.995}))
