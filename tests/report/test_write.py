"""The page as it is written: from a run's files alone, of every odd run, the same each time, every label escaped."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from made_run import FORMANTS, SMALL, TWELVE, Plan, make_run
from page_reading import chosen_at_first, combinations_of, data_of, panes_of, read_page, svg_texts
from phonoscope.evaluation.separability import contingency
from phonoscope.report.intervals import by_cell
from phonoscope.report.material import Material
from phonoscope.report.write import write_report
from svg_reading import all_of, parse, texts, tips

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from phonoscope.results import Run

NAUGHTY = "<script>alert(1)</script>"
FEW_LAYERS = {"raw": (3, 5, 8), "conv1": (4, 3, 8)}
DENSE = {"D1": (24,)}
MARKUP = {
    NAUGHTY: "p",
    "\"&'": "b",
    "=1+1": "t",
    "</script>": "d",
    "<!--": "i",
    "{{ 7*7 }}": "a",
    "a b": "u",
}
ODD: dict[str, Plan] = {
    "as it comes": Plan(),
    "labels, names and warnings with markup": Plan(
        phones=MARKUP,
        layers=FEW_LAYERS,
        corpus='/some/<i>folder/<b>corpus & "more"',
        utterance="<img src=x onerror=alert(1)>/{speaker}/{i}",
        speakers=("<svg onload=alert(1)>", "'\""),
        warnings=[f"a warning with {NAUGHTY}"],
    ),
    "an unknown sign": Plan(phones={**TWELVE, "%": "⸘"}, layers=FEW_LAYERS),
    "two phones": Plan(phones={"p": "p", "a": "a"}, layers=FEW_LAYERS),
    "five phones": Plan(phones={p: TWELVE[p] for p in "ptkbdgaiu" if p in TWELVE}, layers=FEW_LAYERS),
    "no vowels": Plan(phones={p: s for p, s in TWELVE.items() if s not in FORMANTS}, layers=FEW_LAYERS),
    "vowels only": Plan(phones={"i": "i", "a": "a", "u": "u", "a~": "ɑ̃"}, layers=FEW_LAYERS),
    "no formants": Plan(formants=False, layers=FEW_LAYERS),
    "one layer": Plan(layers={"raw": (3, 5, 8)}),
    "dense layers": Plan(layers={"D1": (24,), "my layer": (7,)}),
    "no finite values": Plan(
        layers=DENSE,
        curves={
            "ratio": lambda _k: math.nan,
            "silhouette": lambda k: math.inf if k % 2 else 0.5,
            "davies_bouldin": lambda _k: -math.inf,
            "eigengap": lambda k: math.nan if k < 4 else 1 / k,
        },
    ),
    "several seeds": Plan(seeds=(0, 1, 2), layers=FEW_LAYERS),
    "a given k": Plan(settings=SMALL.changed({"selection.k": 7}), layers=DENSE),
    "criteria of one clusterer": Plan(
        settings=SMALL.changed(
            {"selection.kmedians_criterion": "stability", "selection.spectral_criterion": "eigengap"}
        ),
        layers=DENSE,
    ),
    "no stability": Plan(settings=SMALL.changed({"selection.stability_splits": 0}), layers=DENSE),
    "without reduction": Plan(settings=SMALL.changed({"selection.reduction": "none"}), layers=DENSE),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """Gives an odd run with its report; each is made once."""
    runs: dict[str, Run] = {}

    def make(name: str) -> Run:
        if name not in runs:
            runs[name] = make_run(tmp_path_factory.mktemp("run"), ODD[name])
            write_report(runs[name])
        return runs[name]

    return make


def page_of(run: Run) -> str:
    return (run.path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ODD)
def test_every_odd_run_gives_a_whole_page(name: str, made: Callable[[str], Run]) -> None:
    run = made(name)
    text = page_of(run)
    page = read_page(text)
    ids = [node.attributes["id"] for node in page.all() if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    assert {a.attributes["href"].removeprefix("#") for a in page.all("a")} <= set(ids)
    pickers = page.all(class_="picker")
    assert len(pickers) >= 6
    for picker in pickers:
        assert combinations_of(picker)
        for choices in combinations_of(picker):
            (pane,) = panes_of(picker, choices)
            assert pane.text, f"{picker.attributes['id']} shows nothing at {choices}"
        (shown,) = panes_of(picker, chosen_at_first(picker))
        assert shown.name == "div", "what is chosen at first is shown at first"
        assert len(picker.all("div", class_="pane")) == 1
    figures = svg_texts(text)
    assert len(figures) > 10
    for figure in figures:
        root = parse(figure)
        assert root.get("aria-label")
        # a point may be without a place in no figure
        assert not re.search(r'"[^"]*\b(nan|inf|None)\b[^"]*"', re.sub(r'(data-\w+|aria-label)="[^"]*"', "", figure))
    for path in (run.path / "figures").iterdir():
        written = path.read_text(encoding="utf-8")
        parse(written)
        assert "var(" not in written
    assert "None" not in page.all("div", id="methods-text")[0].text


@pytest.mark.parametrize("name", ["labels, names and warnings with markup", "as it comes"])
def test_no_label_is_an_element_and_every_script_is_ours(name: str, made: Callable[[str], Run]) -> None:
    page = read_page(page_of(made(name)))
    scripts = page.all("script")
    assert [s.attributes.get("id") for s in scripts] == ["data-look", "data-samples", "data-tables", None]
    assert not page.all("img")
    assert not [k for node in page.all() for k in node.attributes if k.startswith("on")]
    assert not [node for node in page.all() if node.attributes.get("href", "#").startswith("javascript")]
    outside = [u for node in page.all() for k in ("href", "src") if (u := node.attributes.get(k)) and u[0] != "#"]
    assert outside == ["data:,"], "nothing is fetched"
    (policy,) = [m.attributes["content"] for m in page.all("meta") if "http-equiv" in m.attributes]
    assert policy.startswith("default-src 'none'")
    assert "script-src 'sha256-" in policy


def test_labels_with_markup_are_there_as_they_are(made: Callable[[str], Run]) -> None:
    run = made("labels, names and warnings with markup")
    page = read_page(page_of(run))
    shown = {node.text for node in page.all("text", data_phone=NAUGHTY)}
    assert shown == {NAUGHTY}
    labels = {node.attributes["data-phone"] for node in page.all("text") if "data-phone" in node.attributes}
    assert labels == set(MARKUP)
    for title in ("title", "h1"):
        assert page.all(title)[0].text == 'Which phones each layer has learned: <b>corpus & "more"'
    assert any(NAUGHTY in node.text for node in page.all("ul", class_="warnings"))
    samples = data_of(page, "data-samples")
    assert samples["speakers"] == ["<svg onload=alert(1)>", "'\""]
    options = [o.attributes["value"] for o in page.all("select", data_find="")[0].all("option")]
    assert set(options) == {"", *MARKUP}


def test_the_tables_on_the_page_are_the_run_s_files(made: Callable[[str], Run]) -> None:
    for name in ("as it comes", "labels, names and warnings with markup", "no formants"):
        run = made(name)
        page = read_page(page_of(run))
        tables = data_of(page, "data-tables")
        for table, content in tables.items():
            assert content == (run.path / f"{table}.csv").read_text(encoding="utf-8")
        offered = {b.attributes["data-table"] for b in page.all("button", data_act="csv")}
        assert offered == set(tables), "what can be saved is there, and what is there can be saved"
    assert "formants" not in tables


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        run = make_run(tmp_path / name, Plan(layers=FEW_LAYERS))
        write_report(run)
        files = [run.path / "report.html", *sorted((run.path / "figures").iterdir())]
        written.append({path.name: path.read_bytes() for path in files})
    assert written[0] == written[1]
    assert len(written[0]) > 4


def test_the_files_that_a_page_is_made_of_are_enough_and_are_not_changed(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(layers=FEW_LAYERS))
    for name in ("model.safetensors", "labels.csv", "classes.csv"):
        (run.path / name).unlink()
    before = {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()}
    (run.path / "figures").mkdir()
    (run.path / "figures" / "figure3-filter99.svg").write_text("of an earlier run")
    (run.path / "figures" / "mine.svg").write_text("the user's own")
    assert write_report(run) == run.path / "report.html"
    assert all(p.read_bytes() == content for p, content in before.items())
    names = {p.name for p in (run.path / "figures").iterdir()}
    assert "figure3-filter99.svg" not in names
    assert {"mine.svg", "figure1.svg", "figure2-conv1-pca.svg", "figure2-conv1-tsne.svg"} <= names
    assert any(n.startswith("figure3-filter") for n in names)
    assert any(n.startswith("figure4-filter") for n in names)


def test_other_settings_than_the_run_s_are_told_where_they_were_used(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(layers=DENSE))
    settings = SMALL.changed({"selection.k": 5})
    page = read_page(write_report(run, settings=settings).read_text(encoding="utf-8"))
    assert "k = 5 classes were asked for" in page.all("div", id="methods-text")[0].text
    assert "5 classes were asked for" in page.all("section", id="number")[0].text


# --- the numbers ---


def test_the_cells_are_the_means_of_the_seeds_and_the_best_of_each_layer_is_marked(made: Callable[[str], Run]) -> None:
    run = made("several seeds")
    page = read_page(page_of(run))
    rows = page.all("section", id="cells")[0].all("tbody")[0].all("tr")
    heads = [("kmedians", r) for r in ("none", "pca", "tsne")] + [("spectral", r) for r in ("none", "pca", "tsne")]
    for row in rows:
        layer = row.all("th")[0].text
        expected = [
            run.scores.filter(layer=layer, clusterer=c, reduction=r)["f_measure"].to_numpy().mean() for c, r in heads
        ]
        cells = row.all("td")
        known = by_cell(run.measures)
        brackets = [known[layer, r, c, "f_measure"].bracket for c, r in heads]
        assert [cell.text for cell in cells] == [f"{v:.3f} {b}" for v, b in zip(expected, brackets, strict=True)]
        assert [cell.attributes["style"] for cell in cells] == [f"--v:{value:.3f}" for value in expected]
        best = [i for i, cell in enumerate(cells) if "best" in cell.attributes["class"].split()]
        assert best == np.flatnonzero(np.array(expected) == max(expected)).tolist()
    assert [row.all("th")[0].text for row in rows] == ["raw", "conv1"]


def pane_svgs(run: Run, picker: str, *choices: str) -> list[str]:
    text = page_of(run)
    start = text.index(f'<div class="picker" id="{picker}"')
    key = "|".join(choices)
    part = text[start:]
    begin, end = rf'data-keys="(?:[^"]* )?{re.escape(key)}(?: [^"]*)?">', r"(?:</template>|<template|</section>)"
    found = re.search(rf"{begin}(.*?){end}", part, re.DOTALL)
    assert found, key
    return svg_texts(found[1])


def test_the_figure_of_each_phone_shows_its_f(made: Callable[[str], Run]) -> None:
    run = made("as it comes")
    (figure,) = pane_svgs(run, "per-phone", "kmedians-pca")
    cells = {words: one for one in all_of(parse(figure), "rect", class_="heat") for words in [one.get("data-tip", "")]}
    table = run.per_phone.filter(clusterer="kmedians", reduction="pca")
    said = {
        f"/{phone}/ at {layer}: P {p:.2f}, R {r:.2f}, F {f:.2f}": f
        for layer, phone, p, r, f in table.select("layer", "phone", "precision", "recall", "f_measure").iter_rows()
        if f > 0.004
    }
    assert cells.keys() == said.keys()
    for words, cell in cells.items():
        assert float(cell.get("fill-opacity", "")) == pytest.approx(said[words], abs=0.0051)


def test_the_matrix_shows_the_share_of_each_phone_in_each_cluster(made: Callable[[str], Run]) -> None:
    run = made("as it comes")
    (figure,) = pane_svgs(run, "matrices", "D1", "spectral-none")
    cell = run.clusters.filter(layer="D1", clusterer="spectral", reduction="none")
    names, clusters, counts = contingency(run.panel["phone"].to_list(), cell["cluster"].to_numpy())
    expected = {
        (int(c), str(p)): int(counts[i, j]) for i, p in enumerate(names) for j, c in enumerate(clusters) if counts[i, j]
    }
    found = {}
    root = parse(figure)
    shades = {one.get("data-tip"): float(one.get("fill-opacity", "")) for one in all_of(root, "rect", class_="heat")}
    for words in tips(root):
        match = re.fullmatch(r"cluster (\d+), of /(.+)/, (\d+) samples: (\d+) of /(.+)/, (\d+)% of that phone's", words)
        assert match
        cluster, owner, inside, count, phone, percent = match.groups()
        found[int(cluster), phone] = int(count)
        column = counts[:, clusters.tolist().index(int(cluster))]
        assert int(inside) == column.sum()
        assert column[names.tolist().index(owner)] == column.max()
        assert int(percent) == round(100 * int(count) / 8)
        assert shades[words] == pytest.approx(int(count) / 8, abs=0.0051)
    assert found == expected


def test_curves_and_choices_of_the_page_are_those_of_the_table(made: Callable[[str], Run]) -> None:
    run = made("as it comes")
    chosen = run.selection.filter("chosen", layer="conv1", clusterer="spectral")
    figures = pane_svgs(run, "curves", "conv1", "spectral")
    labels = [next(t for t in texts(parse(figure)) if t.startswith("k (")) for figure in figures]
    expected = [
        f"k ({k} chosen, at the edge of the range)" if edge else f"k ({k} chosen)"
        for k, edge in chosen.select("k", "at_edge").iter_rows()
    ]
    assert sorted(labels) == sorted(expected)
    assert any("edge" in label for label in labels)
    assert not all("edge" in label for label in labels)


def test_a_panel_of_few_phones_is_not_given_a_t_sne_that_was_not_made(made: Callable[[str], Run]) -> None:
    two = read_page(page_of(made("two phones"))).all(id="clouds")[0]
    assert {choices[1] for choices in combinations_of(two)} == {"pca"}
    five = read_page(page_of(made("five phones"))).all(id="clouds")[0]
    assert {choices[1] for choices in combinations_of(five)} == {"pca", "tsne"}


def test_a_criterion_that_a_clusterer_does_not_have_is_not_answered_by_another(made: Callable[[str], Run]) -> None:
    cards = read_page(page_of(made("criteria of one clusterer"))).all(id="cards")[0]
    assert chosen_at_first(cards) == ("D1", "spectral", "eigengap")
    (pane,) = panes_of(cards, ("D1", "kmedians", "eigengap"))
    assert pane.text == "Not there for k-medians: eigengap."
    (pane,) = panes_of(cards, ("D1", "kmedians", "paper"))
    assert pane.text.startswith("Not there for k-medians")


def test_the_main_criterion_is_chosen_at_first_though_another_chooses_the_same_k(tmp_path: Path) -> None:
    same = {name: (lambda k: -abs(k - 4.0)) for name in ("silhouette", "stability", "eigengap")}
    same |= {name: (lambda k: abs(k - 4.0)) for name in ("ratio", "first_minimum", "davies_bouldin")}
    run = make_run(tmp_path, Plan(layers=DENSE, curves=same))
    cards = read_page(write_report(run).read_text(encoding="utf-8")).all(id="cards")[0]
    assert chosen_at_first(cards) == ("D1", "spectral", "silhouette")


@pytest.mark.parametrize("kind", ["dnn", "untrained"])
def test_another_network_is_not_given_out_as_the_paper_s(kind: str, tmp_path: Path) -> None:
    settings = SMALL.changed({"recogniser.kind": kind, "recogniser.hidden": "24"})
    layers = DENSE if kind == "dnn" else FEW_LAYERS
    run = make_run(tmp_path, Plan(layers=layers, settings=settings))
    if kind == "untrained":
        (run.path / "training.csv").unlink()
    write_report(run)
    assert run.finished
    text = page_of(run)
    page = read_page(text)
    assert "the paper, " not in text
    assert "what the paper states" not in text
    assert bool(page.all("section", id="figure3")) == (kind == "untrained")
    training, methods = page.all("section", id="training")[0].text, page.all("div", id="methods-text")[0].text
    if kind == "dnn":
        assert "4 epochs" in training
        assert "one fully connected layer of 24 rectified units with dropout 0.5, and softmax outputs" in methods
        assert "for 4 epochs" in methods
    else:
        assert "was not trained" in training
        assert not page.all("section", id="training")[0].all("svg")
        assert "It was not trained" in methods
        assert "whether classified correctly or not" in methods
        assert "phone error rate" not in text


def test_formants_that_were_not_measured_are_said_to_be_the_table_s(made: Callable[[str], Run]) -> None:
    for name, measured in (("no formants", False), ("as it comes", True)):
        words = read_page(page_of(made(name))).all("section", id="figure3")[0].text
        assert ("none could be measured here" in words) != measured
        assert ("Praat" in words) == measured


# --- material ---


def test_a_large_panel_is_shown_in_part_and_evenly(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(phones={"p": "p", "t": "t", "a": "a", "i": "i"}, samples=1300, layers=DENSE))
    material = Material(run)
    shown = run.panel[material.shown_samples]
    assert shown.height == 4000
    assert set(shown["phone"].value_counts()["count"]) == {1000}
    page = read_page(write_report(run).read_text(encoding="utf-8"))
    assert "4000 of the panel's 5200 samples" in page.all("section", id="samples")[0].text
    samples = data_of(page, "data-samples")
    assert len(samples["rows"]) == 4000
    # what a point says is what the panel says of the sample in that row
    for i in (0, 1, 999, 1000, 3999):
        utterance, speaker, time = samples["rows"][i]
        row = shown.row(i, named=True)
        assert samples["utterances"][utterance] == row["utterance"]
        assert samples["speakers"][speaker] == row["speaker"]
        assert time == row["time"]


def test_plosives_are_laid_out_by_voicing_and_place(made: Callable[[str], Run]) -> None:
    table = Material(made("as it comes")).plosives()
    assert table.columns == ["labial", "coronal", "dorsal"]
    assert table.rows == {"voiceless": ["p", "t", None], "voiced": ["b", "d", None]}


def test_phones_are_ordered_by_manner_and_gaps_part_the_groups(made: Callable[[str], Run]) -> None:
    material = Material(made("as it comes"))
    assert material.phones == ["p", "t", "b", "d", "s", "z", "m", "n", "i", "E", "a", "u"]
    assert material.gaps == [4, 6, 8]
    assert material.groups == {"plosive": 0, "fricative": 1, "nasal": 2, "oral vowel": 3}
    assert not material.looks["p"].voiced
    assert material.looks["u"].voiced


def test_the_maps_of_a_filter_are_the_means_of_its_samples(made: Callable[[str], Run]) -> None:
    run = made("as it comes")
    material = Material(run)
    maps = material.filter_maps(2)
    activations = np.asarray(run.activations("conv1")).reshape(-1, 4, 3, 8)
    labels = np.array(run.panel["phone"].to_list())
    assert list(maps) == material.phones
    for phone, found in maps.items():
        assert found == pytest.approx(activations[labels == phone, 2].mean(axis=0), rel=1e-5)
    best = {one.target: (one.filter, one.scalar) for one in material.best_filters}
    assert best["f1"] == (0, "centroid")
    assert best["voicing"] == (1, "mean")


def test_a_tree_s_branch_is_named_where_it_is_a_natural_class(made: Callable[[str], Run]) -> None:
    material = Material(made("as it comes"))
    assert material.describe_phones(("i", "E", "a", "u")) == "vowels: /i E a u/"
    assert material.describe_phones(("i", "p")) == "/i p/"
