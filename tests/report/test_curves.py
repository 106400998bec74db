"""Curves: that what is drawn, read back by the figure's own axes, is what the tables say."""

from __future__ import annotations

import math

import polars as pl
import pytest

from phonoscope.report.class_curves import chosen_chart, criterion_chart, organisation_chart
from phonoscope.report.curves import Series, learning_charts, line_chart, separability_chart
from phonoscope.report.intervals import Measured
from svg_reading import all_of, centre, corners, number, read, texts, tips, values_of_y

LAYERS = ["raw", "conv1", "D3"]


def scores_of(*, seeds: int = 1, reductions: tuple[str, ...] = ("none", "pca", "tsne")) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "layer": layer,
            "reduction": reduction,
            "clusterer": clusterer,
            "k": 33,
            "seed": seed,
            "f_measure": 0.2 + 0.25 * i + 0.07 * j + 0.01 * seed + (0.02 if clusterer == "spectral" else 0),
        }
        for i, layer in enumerate(LAYERS)
        for j, reduction in enumerate(reductions)
        for clusterer in ("kmedians", "spectral")
        for seed in range(seeds)
    )


@pytest.mark.parametrize("seeds", [1, 3])
def test_figure_1_draws_the_mean_of_the_seeds_for_each_layer(seeds: int) -> None:
    scores = scores_of(seeds=seeds)
    root = read(separability_chart(scores, "spectral", {"conv1": 0.34, "D3": 0.74, "elsewhere": 0.5}))
    value = values_of_y(root)
    for reduction in ("none", "pca", "tsne"):
        (curve,) = [g for g in all_of(root, "g", data_series=reduction) if all_of(g, "polyline", class_="curve")]
        drawn = [value(y) for _, y in corners(all_of(curve, "polyline")[0])]
        of = scores.filter(clusterer="spectral", reduction=reduction)
        expected = [of.filter(layer=layer)["f_measure"].to_numpy().mean() for layer in LAYERS]
        assert drawn == pytest.approx(expected, abs=1e-4)
        bars = [(value(number(bar, "y1")), value(number(bar, "y2"))) for bar in all_of(curve, "line")]
        if seeds == 1:
            assert bars == []
        else:
            ends = [(of.filter(layer=x)["f_measure"].to_numpy().min(), expected[i]) for i, x in enumerate(LAYERS)]
            assert [low for low, _ in bars] == pytest.approx([low for low, _ in ends], abs=1e-4)
            assert [high for _, high in bars] == pytest.approx([2 * mean - low for low, mean in ends], abs=1e-4)
    papers = [
        one for g in all_of(root, "g", data_series="paper") for one in all_of(g, "polygon") if one.get("data-tip")
    ]
    assert [value(centre(one)[1]) for one in papers] == pytest.approx([0.34, 0.74], abs=1e-4)
    assert [one.get("data-tip") for one in papers] == ["the paper, conv1: 0.34", "the paper, D3: 0.74"]
    assert {"no reduction", "PCA", "t-SNE", "the paper", "spectral clustering, k = 33", *LAYERS} <= set(texts(root))


def test_every_point_tells_its_value() -> None:
    root = read(separability_chart(scores_of(seeds=2), "kmedians"))
    assert "PCA, conv1: 0.525 (from 0.520 to 0.530)" in tips(root)
    assert len(tips(root)) == 9
    assert "the paper" not in texts(root)


def test_a_reduction_that_was_not_run_is_not_drawn() -> None:
    root = read(separability_chart(scores_of(reductions=("none", "tsne")), "kmedians"))
    assert "PCA" not in texts(root)
    assert not any("PCA" in tip for tip in tips(root))
    # the others keep their signs and colours, as the page's legend has them
    (tsne,) = [g for g in all_of(root, "g", data_series="tsne") if all_of(g, "polyline", class_="curve")]
    (none,) = [g for g in all_of(root, "g", data_series="none") if all_of(g, "polyline", class_="curve")]
    assert len(all_of(none, "circle")) == 3
    assert len(all_of(tsne, "polygon")) == 3


def test_a_gap_is_left_where_there_is_no_value() -> None:
    values = [1.0, 2.0, None, math.nan, 3.0, math.inf, 4.0, 5.0]
    figure = line_chart("x", list("abcdefgh"), [Series("s", "s", values)], title="t")
    root = read(figure)
    assert [len(corners(one)) for one in all_of(root, "polyline", class_="curve")] == [2, 2]
    assert tips(root) == ["s, a: 1.000", "s, b: 2.000", "s, e: 3.000", "s, g: 4.000", "s, h: 5.000"]
    value = values_of_y(root)
    drawn = [value(y) for one in all_of(root, "polyline", class_="curve") for _, y in corners(one)]
    assert drawn == pytest.approx([1, 2, 4, 5], abs=0.02)


def test_curves_without_any_value_and_of_one_place_are_figures_too() -> None:
    nothing = read(line_chart("x", ["a", "b"], [Series("s", "s", [None, math.nan])], title="t"))
    assert not all_of(nothing, "polyline")
    one = read(line_chart("x", ["a"], [Series("s", "s", [0.5])], title="t", y_range=(0, 1)))
    assert len(tips(one)) == 1


def selection_of(curve: dict[int, float], chosen: int, *, at_edge: bool) -> pl.DataFrame:
    rows = [
        {"layer": "D3", "reduction": "pca", "clusterer": "kmedians", "criterion": "silhouette", "k": k, "value": v}
        | {"chosen": k == chosen, "at_edge": at_edge and k == chosen}
        for k, v in curve.items()
    ]
    return pl.DataFrame(rows)


def test_a_criterion_s_curve_is_drawn_with_the_k_that_it_chooses() -> None:
    curve = {5: 0.3, 2: 0.1, 3: 0.45, 4: math.nan, 6: math.inf}
    root = read(criterion_chart("D3", "kmedians", "silhouette", selection_of(curve, 3, at_edge=False)))
    assert tips(root) == ["silhouette, 2: 0.100", "silhouette, 3: 0.450", "silhouette, 5: 0.300"]
    value = values_of_y(root)
    (stretch,) = all_of(root, "polyline", class_="curve")
    assert [value(y) for _, y in corners(stretch)] == pytest.approx([0.1, 0.45], abs=5e-3)
    marks = [one for one in all_of(root, "line") if one.get("stroke-opacity")]
    assert [number(one, "x1") for one in marks] == pytest.approx([corners(stretch)[1][0]], abs=0.01)
    assert "k (3 chosen)" in texts(root)


def test_a_choice_at_the_edge_is_said_to_be_one() -> None:
    at_edge = read(criterion_chart("D3", "kmedians", "silhouette", selection_of({2: 1, 3: 2}, 3, at_edge=True)))
    assert "k (3 chosen, at the edge of the range)" in texts(at_edge)


def test_the_chart_of_choices_puts_each_sign_at_its_k_and_opens_it_at_the_edge() -> None:
    rows = [
        {"layer": layer, "clusterer": "kmedians", "criterion": criterion, "k": k, "chosen": k == best}
        | {"at_edge": k == best and best in (2, 33)}
        for layer, choices in {"raw": (33, 7), "D3": (2, 20)}.items()
        for criterion, best in zip(("ratio", "silhouette"), choices, strict=True)
        for k in range(2, 34)
    ]
    root = read(chosen_chart(pl.DataFrame(rows), "kmedians"))
    marks = {one.get("data-tip"): one for one in root.iter() if one.get("data-tip")}
    assert set(marks) == {
        "raw, within/between ratio: k = 33, at the edge of the range",
        "raw, silhouette: k = 7",
        "D3, within/between ratio: k = 2, at the edge of the range",
        "D3, silhouette: k = 20",
    }
    for words, mark in marks.items():
        assert (mark.get("fill") == "none") == ("edge" in (words or ""))
    ticks = {t: number(one, "x") for one in all_of(root, "text", class_="small") for t in [one.text] if t}
    k7 = ticks["5"] + (ticks["30"] - ticks["5"]) * 2 / 25
    assert centre(marks["raw, silhouette: k = 7"])[0] == pytest.approx(k7, abs=0.02)
    raw, deep = (centre(marks[f"{x}, silhouette: k = {k}"])[1] for x, k in (("raw", 7), ("D3", 20)))
    assert raw < deep, "the input is at the top"


def test_a_criterion_has_the_same_sign_for_every_clusterer() -> None:
    measured = {"kmedians": ("ratio", "stability"), "spectral": ("ratio", "eigengap", "stability")}
    rows = [
        {"layer": "D3", "clusterer": clusterer, "criterion": criterion, "k": k, "chosen": k == 3, "at_edge": False}
        for clusterer, criteria in measured.items()
        for criterion in criteria
        for k in (2, 3, 4)
    ]
    roots = {clusterer: read(chosen_chart(pl.DataFrame(rows), clusterer)) for clusterer in measured}
    fills = {
        clusterer: {one.get("data-series"): one.get("fill") for one in root.iter() if one.get("data-tip")}
        for clusterer, root in roots.items()
    }
    assert fills["kmedians"] == {name: fills["spectral"][name] for name in measured["kmedians"]}
    assert len(set(fills["spectral"].values())) == 3


def test_the_features_order_is_read_off_by_layer_and_chance_is_a_half() -> None:
    table = pl.DataFrame(
        {
            "layer": ["raw", "raw", "D3", "D3"],
            "attribute": ["manner", "voicing"] * 2,
            "score": [0.5, 0.9, 0.75, None],
        }
    )
    root = read(organisation_chart(table))
    value = values_of_y(root)
    (curve,) = all_of(root, "polyline", class_="curve")
    assert [value(y) for _, y in corners(curve)] == pytest.approx([0.5, 0.75], abs=1e-3)
    (chance,) = [one for one in all_of(root, "line") if one.get("stroke-dasharray") == "4 4"]
    assert value(number(chance, "y1")) == pytest.approx(0.5, abs=1e-3)
    assert "voicing, raw: 0.900" in tips(root)


def test_scores_far_below_chance_and_error_rates_above_one_stay_within_their_figures() -> None:
    low = organisation_chart(pl.DataFrame({"layer": ["raw", "D3"], "attribute": ["manner"] * 2, "score": [0.0, 1.0]}))
    rates = {"epoch": [1, 2], "frame_accuracy": [0.1, 0.2], "phone_error_rate": [1.6, 0.9]}
    for figure, expected in ((low, [0.0, 1.0]), (learning_charts(pl.DataFrame(rates))[1], [1.6, 0.9])):
        root = read(figure)
        curve = corners(all_of(root, "polyline", class_="curve")[-1])
        value = values_of_y(root)
        assert [value(y) for _, y in curve] == pytest.approx(expected, abs=0.01)
        lowest = max(number(one, "y") for one in all_of(root, "text", class_="small", text_anchor="end"))
        assert all(25 < y < lowest + 1 for _, y in curve)


def test_scores_of_no_attribute_at_all_make_an_empty_chart() -> None:
    table = pl.DataFrame({"layer": ["raw"], "attribute": ["manner"], "score": [None]}).cast({"score": pl.String})
    assert tips(read(organisation_chart(table))) == []


def test_the_learning_curve_shows_every_epoch() -> None:
    n = 25
    training = pl.DataFrame(
        {
            "epoch": range(1, n + 1),
            "training_loss": [2 / e for e in range(1, n + 1)],
            "validation_loss": [3 / e for e in range(1, n + 1)],
            "frame_accuracy": [0.5] * n,
            "phone_error_rate": [0.25] * n,
        }
    )
    loss, rates = (read(one) for one in learning_charts(training))
    value = values_of_y(loss)
    drawn = [value(y) for _, y in corners(all_of(loss, "polyline", class_="curve")[0])]
    assert drawn == pytest.approx([2 / e for e in range(1, n + 1)], abs=0.01)
    assert "phone error rate, 25: 0.250" in tips(rates)
    labels = [t for t in texts(loss, class_="small", text_anchor="middle") if t.isdigit()]
    assert 5 <= len(labels) <= 13, "every so many epochs have a label"
    assert {"training loss", "validation loss"} <= set(texts(loss))


def test_figure_1_draws_the_intervals_and_the_level_of_chance_where_they_were_measured() -> None:
    measures = {
        (layer, reduction, "kmedians", "f_measure"): Measured(
            0.2 + 0.25 * i, 0.1 + 0.25 * i, 0.25 + 0.25 * i, 0.06, 0.1
        )
        for i, layer in enumerate(LAYERS)
        for reduction in ("none", "pca", "tsne")
    }
    root = read(separability_chart(scores_of(seeds=2), "kmedians", None, measures))
    value = values_of_y(root)
    (curve,) = [g for g in all_of(root, "g", data_series="pca") if all_of(g, "polyline", class_="curve")]
    bars = [(value(number(bar, "y1")), value(number(bar, "y2"))) for bar in all_of(curve, "line")]
    assert [low for low, _ in bars] == pytest.approx([0.1, 0.35, 0.6], abs=1e-4)
    assert [high for _, high in bars] == pytest.approx([0.25, 0.5, 0.75], abs=1e-4)
    (chance,) = all_of(root, "polyline", class_="chance")
    assert [value(y) for _, y in corners(chance)] == pytest.approx([0.06] * 3, abs=1e-4)
    assert "chance: 0.060" in tips(root)
    assert "chance" in texts(root)


def test_a_band_spans_from_low_to_high_and_has_the_curve_s_gaps() -> None:
    values, low, high = [0.5, 0.6, None, 0.7], [0.4, 0.5, None, 0.6], [0.6, 0.8, None, 0.8]
    figure = line_chart(
        "x", list("abcd"), [Series("s", "s", values, 0, low, high, band=True)], title="t", y_range=(0, 1)
    )
    root = read(figure)
    value = values_of_y(root)
    (band,) = [one for one in all_of(root, "polygon") if one.get("fill-opacity")]
    assert [value(y) for _, y in corners(band)] == pytest.approx([0.6, 0.8, 0.5, 0.4], abs=3e-3)
    assert not [one for one in all_of(root, "line") if one.get("stroke-width") == "1.5"]
    assert "s, b: 0.600 (from 0.500 to 0.800)" in tips(root)
