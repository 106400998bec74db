"""What is read out of a clustered run: planted classes come back with their names, filters with what they follow."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from made_run import SMALL, TWELVE, Plan, make_run
from phonoscope.interpretation import interpret
from phonoscope.phones.features import legend_group
from phonoscope.phones.inventory import french
from phonoscope.progress import Quiet

if TYPE_CHECKING:
    from pathlib import Path

    from phonoscope.results import Run

ONE_LAYER = {"D1": (24,)}
FRENCH = dict(french().ipa)


class Listening(Quiet):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def warn(self, text: str) -> None:
        self.heard.append(text)


def entries_of(run: Run, **wanted: object) -> list[dict[str, Any]]:
    return [one for one in run.classes if all(one[key] == value for key, value in wanted.items())]


def grouped(names: list[str]) -> dict[str, int]:
    order = list(dict.fromkeys(names))
    return {phone: order.index(name) for phone, name in zip(FRENCH, names, strict=True)}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The 33 phones of French: at 2 the consonants against the others, at 7 the manners and the two kinds of vowels."""
    manners = ["fricative" if phone == "R" else legend_group(sign) for phone, sign in FRENCH.items()]
    kinds = ["vocoid" if manner.endswith("vowel") else "consonant" for manner in manners]
    plan = Plan(
        phones=FRENCH,
        samples=4,
        layers=ONE_LAYER,
        settings=SMALL.changed({"selection.permutations": 999}),
        classes={2: grouped(kinds), 7: grouped(manners)},
        curves={"silhouette": lambda k: float(k == 7), "davies_bouldin": lambda k: float(k != 2)},
    )
    return make_run(tmp_path_factory.mktemp("planted"), plan)


def test_planted_manners_come_back_with_their_names(planted: Run) -> None:
    for clusterer in ("kmedians", "spectral"):
        (one,) = entries_of(planted, clusterer=clusterer, main=True)
        assert (one["layer"], one["k"], one["criterion"], one["at_edge"]) == ("D1", 7, "silhouette", False)
        found = {c["natural"]["name"]: c for c in one["classes"]}
        assert {name: " ".join(c["natural"]["phones"]) for name, c in found.items()} == {
            "plosives": "p t k b d g",
            "fricatives": "f s S v z Z R",
            "nasal consonants": "m n J",
            "/l/ alone": "l",
            "semivowels": "j w H",
            "oral vowels": "i y e E 2 9 a o O u",
            "nasal vowels": "a~ o~ e~",
        }
        for name, c in found.items():
            assert c["natural"]["f_measure"] == 1
            assert c["natural"]["significant"] == (name != "/l/ alone"), "a phone alone fits whatever its features"
            assert sorted(c["natural"]["phones"]) == sorted(c["members"])
            assert (c["covered"], c["companions"]) == (1, [])
        assert one["phi"] == pytest.approx(1)
        assert one["phi_p_value"] == pytest.approx(1 / 1000)
        assert len(one["spread"]) == 33
        assert all(s["effective"] == 1 and s["largest"] == 1 for s in one["spread"])


def test_vowels_and_consonants_come_back_at_the_k_that_another_criterion_chooses(planted: Run) -> None:
    (one,) = entries_of(planted, clusterer="kmedians", k=2)
    assert one["chosen_by"] == ["davies_bouldin"]
    assert not one["main"]
    assert {c["natural"]["name"] for c in one["classes"]} == {"consonants", "vowels and semivowels"}
    assert all(c["natural"]["significant"] for c in one["classes"])


def test_a_criterion_that_chooses_at_the_edge_is_said_to_do_so(planted: Run) -> None:
    edges = {one["k"]: (one["chosen_by"], one["at_edge"]) for one in entries_of(planted, clusterer="kmedians")}
    assert edges[33] == (["ratio", "first_minimum"], True), "the ratio falls to the end of the range"
    assert edges[2] == (["davies_bouldin"], True)
    assert edges[7][1] is False
    assert edges[17] == (["paper"], False)
    table = pl.read_csv(planted.path / "classes.csv")
    assert set(table.filter("at_edge")["k"]) == {2, 33}


def test_the_main_choice_at_the_edge_is_said_to_be_one_too(tmp_path: Path) -> None:
    rising = make_run(tmp_path, Plan(layers=ONE_LAYER, curves={"silhouette": float}))
    for one in entries_of(rising, main=True):
        assert (one["k"], one["at_edge"]) == (12, True)


def test_the_paper_s_numbers_of_classes_are_read_where_they_are_in_the_range(planted: Run, tmp_path: Path) -> None:
    assert [one["k"] for one in entries_of(planted) if "paper" in one["chosen_by"]] == [17, 7]
    small = make_run(tmp_path, Plan(layers=ONE_LAYER))
    assert [(one["clusterer"], one["k"]) for one in entries_of(small) if "paper" in one["chosen_by"]] == [
        ("spectral", 7)
    ]


def test_the_table_has_a_row_a_class_with_what_the_entries_say(planted: Run) -> None:
    table = pl.read_csv(planted.path / "classes.csv", infer_schema_length=None)
    entries = entries_of(planted)
    assert table.height == sum(len(one["classes"]) for one in entries)
    assert table.height == sum(one["k"] for one in entries), "no cluster is empty"
    plosives = table.filter(clusterer="spectral", main=True, natural_class="plosives").row(0, named=True)
    assert plosives["members"].split() == sorted("ptkbdg")
    assert plosives["natural_phones"].split() == [phone for phone in FRENCH if phone in "ptkbdg"]
    assert (plosives["covered"], plosives["precision"], plosives["recall"], plosives["f_measure"]) == (1, 1, 1, 1)
    assert (plosives["k"], plosives["samples"], plosives["significant"]) == (7, 24, True)
    assert "silhouette" in plosives["chosen_by"].split()
    for features, phones in table.select("features", "natural_class").iter_rows():
        if features and " " in features:
            assert all(part.strip() for part in features.split(";")), phones


def test_a_given_number_of_classes_is_the_main_one(tmp_path: Path) -> None:
    settings = SMALL.changed({"selection.k": 5})
    run = make_run(tmp_path, Plan(layers=ONE_LAYER, settings=settings))
    main = entries_of(run, main=True)
    assert [(one["clusterer"], one["k"], one["criterion"]) for one in main] == [
        ("kmedians", 5, "given"),
        ("spectral", 5, "given"),
    ]
    assert all(one["chosen_by"][0] == "given" and not one["at_edge"] for one in main)
    assert all(one["chosen_by"] != ["given"] for one in entries_of(run, main=False))


def test_a_run_read_again_in_another_way_has_other_main_classes(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(layers=ONE_LAYER, curves={"davies_bouldin": lambda k: abs(k - 6)}))
    before = {one["k"] for one in entries_of(run, main=True)}
    changes = {f"selection.{name}_criterion": "davies_bouldin" for name in ("kmedians", "spectral")}
    interpret(run, SMALL.changed(changes), Quiet())
    after = entries_of(run, main=True)
    assert before == {4}
    assert {(one["k"], one["criterion"]) for one in after} == {(6, "davies_bouldin")}


def test_criteria_may_differ_between_the_clusterers(tmp_path: Path) -> None:
    changes = {"selection.kmedians_criterion": "stability", "selection.spectral_criterion": "eigengap"}
    curves = {"stability": lambda k: -abs(k - 3.0), "eigengap": lambda k: -abs(k - 8.0)}
    run = make_run(tmp_path, Plan(layers=ONE_LAYER, settings=SMALL.changed(changes), curves=curves))
    main = {one["clusterer"]: (one["criterion"], one["k"]) for one in entries_of(run, main=True)}
    assert main == {"kmedians": ("stability", 3), "spectral": ("eigengap", 8)}


def test_the_same_run_gives_the_same_files(tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        run = make_run(tmp_path / name, Plan(layers={"raw": (3, 5, 8), "conv1": (4, 3, 8)}))
        files = ("classes.json", "classes.csv", "organisation.csv", "filters.csv")
        written.append([(run.path / file).read_bytes() for file in files])
    assert written[0] == written[1]


def test_phones_whose_sign_is_not_known_are_warned_of_and_in_no_natural_class_of_several(tmp_path: Path) -> None:
    plan = Plan(phones={**TWELVE, "%": "⸘"}, layers=ONE_LAYER)
    run = make_run(tmp_path, plan)
    listening = Listening()
    interpret(run, plan.settings, listening)
    assert listening.heard == ["no phonological features are known of /%/ [⸘]; they are in no natural class"]
    several = [c["natural"] for one in run.classes for c in one["classes"] if len(c["natural"]["phones"]) > 1]
    assert several
    assert not any("%" in natural["phones"] for natural in several)
    json.loads((run.path / "classes.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)


def test_a_panel_of_two_phones_can_be_read(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(phones={"p": "p", "a": "a"}, layers=ONE_LAYER))
    main = entries_of(run, main=True)
    assert all(one["k"] == 2 and one["at_edge"] and one["phi"] is None for one in main)
    assert not any(c["natural"]["significant"] for one in main for c in one["classes"])


# --- order and filters ---


@pytest.fixture(scope="module")
def layered(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("layered"), Plan(samples=12))


def test_the_planted_order_is_found_at_every_layer(layered: Run) -> None:
    found = layered.organisation
    assert found["layer"].unique(maintain_order=True).to_list() == ["raw", "conv1", "D1"]
    assert found["attribute"][:8].to_list() == [
        "major class", "manner", "place", "voicing", "height", "backness", "rounding", "nasality",
    ]  # fmt: skip
    major = found.filter(layer="D1", attribute="major class").row(0, named=True)
    assert (major["n_phones"], major["n_values"], major["score"]) == (12, 2, 1)
    assert major["p_value"] < 0.05
    voicing = found.filter(layer="D1", attribute="voicing").row(0, named=True)
    assert voicing["n_phones"] == 6, "of obstruents only"


def test_the_planted_filters_follow_f1_and_voicing(layered: Run) -> None:
    found = layered.filters
    assert found is not None
    assert set(found["layer"]) == {"conv1"}
    assert found.height == 4 * 2 * 4
    f1 = found.filter(filter=0, scalar="centroid", target="f1").row(0, named=True)
    assert f1["n"] == 4 * 12, "of the oral vowels"
    assert f1["rho"] > 0.9
    assert f1["rho_choosing"] > 0.9
    voicing = found.filter(filter=1, scalar="mean", target="voicing").row(0, named=True)
    assert voicing["n"] == 6 * 12
    assert voicing["rho"] > 0.8
    nasality = found.filter(filter=1, scalar="mean", target="nasality").row(0, named=True)
    assert nasality["rho"] is None, "there are no nasal vowels"


def test_without_formants_and_without_maps_nothing_is_made_up(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", Plan(formants=False, layers={"raw": (3, 5, 8), "conv1": (4, 3, 8)}))
    found = run.filters
    assert found is not None
    assert found.filter(pl.col("target").is_in(["f1", "f2"]))["n"].to_list() == [0] * 16
    dense = make_run(tmp_path / "b", Plan(layers={"raw": (3, 5, 8), "D1": (24,)}))
    assert dense.filters is None
    assert not (dense.path / "filters.csv").exists()


def test_criteria_without_finite_values_choose_the_smallest_k_at_the_edge(tmp_path: Path) -> None:
    curves = {"silhouette": lambda _k: math.nan, "davies_bouldin": lambda k: math.inf if k < 5 else 1 / k}
    run = make_run(tmp_path, replace(Plan(), layers=ONE_LAYER, curves=curves))
    main = entries_of(run, main=True)
    assert {(one["k"], one["at_edge"]) for one in main} == {(2, True)}
    rows = run.selection.filter(criterion="davies_bouldin", clusterer="spectral", chosen=True)
    assert rows.select("k", "at_edge").rows() == [(12, True)]
