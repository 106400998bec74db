"""Parts of the page: the table of choices, the cards of the classes, pickers and their panes."""

from __future__ import annotations

import re
from typing import Any

import polars as pl
from markupsafe import Markup

from phonoscope.report.class_sections import agreement, cards
from phonoscope.report.panes import Axis, picker

NAUGHTY = "<script>alert(1)</script>"
Choices = dict[str, tuple[int, bool]]


def selection_of(choices: dict[str, dict[str, Choices]]) -> pl.DataFrame:
    """By layer, clusterer and criterion the chosen k and whether it is at the edge; other ks are there too."""
    return pl.DataFrame(
        [
            {"layer": layer, "clusterer": clusterer, "criterion": criterion, "k": k + more, "value": 0.5}
            | {"chosen": more == 0, "at_edge": edge and more == 0}
            for layer, of_layer in choices.items()
            for clusterer, of_clusterer in of_layer.items()
            for criterion, (k, edge) in of_clusterer.items()
            for more in (0, 1, 2)
        ]
    )


def cells(choices: Choices) -> dict[str, tuple[str, bool]]:
    table = agreement(selection_of({"D3": {"kmedians": choices}}), ["kmedians"], list(choices))
    ((layer, row),) = table["rows"]
    assert layer == "D3"
    return dict(zip(choices, row, strict=True))


def test_criteria_that_choose_the_same_k_or_its_neighbour_agree() -> None:
    found = cells({"ratio": (9, False), "silhouette": (8, False), "davies_bouldin": (20, False)})
    assert found == {"ratio": ("9", True), "silhouette": ("8", True), "davies_bouldin": ("20", False)}
    found = cells({"ratio": (10, False), "silhouette": (8, False)})
    assert found == {"ratio": ("10", False), "silhouette": ("8", False)}


def test_two_readings_of_one_curve_do_not_count_as_agreement() -> None:
    found = cells({"ratio": (9, False), "first_minimum": (9, False), "silhouette": (3, False)})
    assert not any(agrees for _, agrees in found.values())
    found = cells({"ratio": (9, False), "first_minimum": (9, False), "silhouette": (9, False)})
    assert all(agrees for _, agrees in found.values())


def test_what_lies_at_the_edge_is_in_brackets_and_agrees_with_nothing() -> None:
    found = cells({"ratio": (33, True), "silhouette": (33, True), "davies_bouldin": (32, False)})
    assert found == {"ratio": ("(33)", False), "silhouette": ("(33)", False), "davies_bouldin": ("32", False)}


def test_clusterers_agree_only_within_themselves_and_columns_are_those_that_were_measured() -> None:
    choices: dict[str, dict[str, Choices]] = {
        "raw": {"kmedians": {"silhouette": (5, False)}, "spectral": {"silhouette": (4, False), "eigengap": (5, False)}},
        "D3": {"kmedians": {"silhouette": (7, False)}, "spectral": {"silhouette": (7, False), "eigengap": (2, True)}},
    }
    table = agreement(selection_of(choices), ["kmedians", "spectral"], ["silhouette", "eigengap"])
    assert table["groups"] == [("k-medians", 1), ("spectral clustering", 2)]
    assert table["heads"] == ["silhouette", "silhouette", "eigengap"]
    assert table["rows"] == [
        ("raw", [("5", False), ("4", True), ("5", True)]),
        ("D3", [("7", False), ("7", False), ("(2)", False)]),
    ]


# --- cards ---


def share(phone: str, samples: int, of_own: float) -> dict[str, Any]:
    return {"phone": phone, "samples": samples, "share": of_own}


def inferred(*shares: dict[str, Any], natural: dict[str, Any], **more: object) -> dict[str, Any]:
    members = [s["phone"] for s in shares if s["share"] >= 0.5]
    fit = {"precision": 0.91, "recall": 0.82, "p_corrected": 0.0004, "significant": True, "phones": ["p", "t", "k"]}
    return {
        "cluster": 0,
        "samples": sum(s["samples"] for s in shares),
        "phones": list(shares),
        "members": members,
        "covered": 0.827 if members else None,
        "companions": [s["phone"] for s in shares if 0.2 <= s["share"] < 0.5],
        "natural": {**fit, **natural},
        **more,
    }


PLOSIVES = inferred(
    share("p", 90, 0.9), share("t", 80, 0.8), share("b", 30, 0.3), share("s", 4, 0.04), natural={"name": "plosives"}
)
SCATTERED = inferred(
    share("R", 30, 0.3),
    share(NAUGHTY, 12, 0.12),
    natural={"name": f"{NAUGHTY} alone", "significant": False, "p_corrected": 1.0, "phones": ["R"]},
)
SINGLE = inferred(share("S", 95, 0.95), natural={"name": "/S/ alone", "significant": False, "phones": ["S"]})


def entry(**more: object) -> dict[str, Any]:
    spread = [
        {"phone": "R", "entropy": 2.0, "effective": 4.0, "largest": 0.31},
        {"phone": "p", "entropy": 0.5, "effective": 1.4, "largest": 0.9},
    ]
    base = {"layer": "D3", "k": 3, "at_edge": False, "classes": [PLOSIVES, SCATTERED, SINGLE], "spread": spread}
    return {**base, **more}


def words_of(markup: Markup) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", markup).split())


def test_a_card_says_which_phones_how_much_of_them_and_which_natural_class() -> None:
    said = words_of(cards(entry(), {"R": "ʁ", "S": "ʃ"}))
    assert "k = 3 at D3: 2 classes of several phones (natural classes beyond chance: 1); 1 of a single" in said
    assert "plosives 82.7% of / p t /, with / b / p t b 204 samples; best fit: plosives; precision 0.91" in said
    assert "recall 0.82, p = 0.0004" in said
    assert "no natural class no phone has half of its samples here, with / R /" in said
    assert "One phone each: S" in said
    assert "Spread over several classes: / R / (31% at the most in one class, 4.0 classes)" in said
    assert "edge" not in said


def test_a_phone_of_which_hardly_anything_is_there_is_not_on_the_card() -> None:
    found = cards(entry(), {})
    assert 'data-tip="/b/: 30 samples, 30.0% of its own"' in found
    assert "/s/: 4 samples" not in found


def test_a_choice_at_the_edge_is_said_to_be_one_on_the_cards() -> None:
    assert "k = 3 , at the edge of the range at D3" in words_of(cards(entry(at_edge=True), {}))


def test_labels_on_cards_stay_text_and_carry_their_ipa() -> None:
    found = cards(entry(), {"R": "ʁ", NAUGHTY: "\"'<"})
    assert "<script" not in found
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in found
    assert 'data-phone="R" data-ipa="ʁ">R<' in found
    assert 'data-ipa="&#34;&#39;&lt;"' in found


# --- pickers ---


def test_every_combination_has_one_pane_and_the_chosen_one_is_shown() -> None:
    contents = {f"{layer}|{c}": Markup("<p>{} {}</p>").format(layer, c) for layer in ("my layer", "D3") for c in "ab"}
    axes = [
        Axis("layer", [("my layer", "my layer"), ("D3", "D3")], "my layer"),
        Axis("c", [("a", "A"), ("b", "B")], "b"),
    ]
    found = picker(axes, contents)
    assert [pane.keys for pane in found.panes] == ["my_layer|a", "my_layer|b", "D3|a", "D3|b"]
    assert [pane.shown for pane in found.panes] == [False, True, False, False]


def test_combinations_with_the_same_content_share_a_pane() -> None:
    found = picker([Axis("x", [("a", "a"), ("b", "b"), ("c", "c")], "c")], dict.fromkeys("abc", Markup("same")))
    ((keys, shown),) = [(pane.keys, pane.shown) for pane in found.panes]
    assert keys.split() == ["a", "b", "c"]
    assert shown
