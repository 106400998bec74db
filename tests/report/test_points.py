"""Clouds of points and trees: where points lie, how trees join, and that no label can leave its element."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import squareform

from phonoscope.phonology.hierarchy import phone_tree
from phonoscope.report.scatter import Look, cloud, data_block, sample_map
from phonoscope.report.trees import dendrogram
from svg_reading import all_of, centre, corners, number, read, texts, tips

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree import ElementTree as ET

    from numpy.typing import NDArray

    from phonoscope.report.svg import Chart

LOOKS = {
    "p": Look("p", "plosive", 0, voiced=False),
    "b": Look("b", "plosive", 0, voiced=True),
    "a": Look("a", "oral vowel", 2, voiced=True),
    "<i>": Look("??", "other", 3, voiced=True),
}


def test_what_a_phone_is_is_said_in_words_and_nothing_is_said_of_unknown_signs() -> None:
    assert [look.words for look in LOOKS.values()] == [
        "plosive, voiceless",
        "plosive, voiced",
        "oral vowel, voiced",
        "sign not known",
    ]
    assert [look.shape for look in LOOKS.values()] == ["triangle", "circle", "circle", "circle"]


# --- samples ---


def marks_of(root: ET.Element) -> list[ET.Element]:
    return [one for one in root.iter() if one.get("data-sample") is not None]


def test_samples_lie_where_their_coordinates_say_with_the_same_scale_on_both_axes() -> None:
    phones = ["p", "p", "a", "a", "<i>", "b"]
    points = np.array([[0, 0], [10, 0], [10, 5], [0, 5], [5, 2.5], [2, 1]], float)
    root = read(sample_map("D3", points, phones, LOOKS))
    marks = sorted(marks_of(root), key=lambda one: int(one.get("data-sample", "")))
    assert [int(one.get("data-sample", "")) for one in marks] == list(range(6))
    places = np.array([centre(one) for one in marks])
    assert ((places > 0) & (places < [760, 780])).all()
    # the centre of a triangle's corners lies a little below its point
    places[:2, 1] -= np.mean([-1.2, 0.8, 0.8]) * 2.8
    scale = (places[1, 0] - places[0, 0]) / 10
    assert places - places[0] == pytest.approx((points - points[0]) * [scale, -scale], abs=0.05)
    assert scale > 0, "x to the right, y upwards"
    groups = {g.get("data-of"): g for g in all_of(root, "g") if g.get("data-of")}
    assert {of: len(marks_of(g)) for of, g in groups.items()} == {"p": 2, "a": 2, "<i>": 1, "b": 1}
    assert {of: g.get("data-series") for of, g in groups.items()} == {p: look.group for p, look in LOOKS.items()}
    assert set(texts(root)) >= {"plosive", "oral vowel", "other"}, "the key names the groups"
    labels = {one.text: one for one in all_of(root, "text") if one.get("data-phone")}
    assert labels.keys() == LOOKS.keys()
    assert number(labels["a"], "x") == pytest.approx((places[2, 0] + places[3, 0]) / 2, abs=0.05)


def test_samples_that_coincide_and_phones_without_samples_do_not_disturb() -> None:
    root = read(sample_map("D3", np.zeros((3, 2)), ["p", "p", "a"], LOOKS))
    assert len({centre(one) for one in marks_of(root)}) == 2, "the triangles and the circle"
    assert not any(one.get("data-of") == "b" for one in all_of(root, "g"))


# --- clouds ---


def seen(point: NDArray[np.float64], turn: float, tilt: float) -> NDArray[np.float64]:
    """Turn about the upright axis, then tilt about the level one."""
    about_y = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    return np.asarray(about_x @ about_y @ point)


def test_a_cloud_is_seen_as_its_turn_and_tilt_say_with_the_nearest_last_and_largest() -> None:
    points = np.random.default_rng(0).normal(3, 1, (4, 3))
    figure = cloud("x", "t", points, LOOKS)
    root = read(figure)
    (group,) = all_of(root, "g", class_="cloud")
    turn, tilt, scale = (float(group.get(f"data-{name}", "")) for name in ("turn", "tilt", "scale"))
    assert scale <= figure.width / 2, "nothing can be turned out of the figure"
    depths, sizes = [], []
    for one in list(group):
        xyz = np.array([float(v) for v in one.get("data-xyz", "").split()])
        assert np.linalg.norm(xyz) <= 1.0001
        x, y, z = seen(xyz, turn, tilt)
        at_x, at_y, size = map(float, re.findall(r"-?[\d.]+", one.get("transform", "")))
        assert at_x == pytest.approx(figure.width / 2 + x * scale, abs=0.1)
        assert at_y == pytest.approx(figure.width / 2 - y * scale, abs=0.1)
        depths.append(z)
        sizes.append(size)
        assert one.get("opacity") is None, "a paler colour would be another group's"
    assert depths == sorted(depths)
    assert sizes == sorted(sizes)
    names = [one.get("data-phone") for g in list(group) for one in all_of(g, "text")]
    unit = {n: [float(v) for v in g.get("data-xyz", "").split()] for n, g in zip(names, list(group), strict=True)}
    centred = points - points.mean(axis=0)
    reach = np.linalg.norm(centred, axis=1).max()
    for i, phone in enumerate(LOOKS):
        assert unit[phone] == pytest.approx((centred[i] / reach).tolist(), abs=1e-4)
    assert "/p/ [p] plosive, voiceless" in tips(root)
    assert "/<i>/ [??] sign not known" in tips(root)
    assert len([one for one in all_of(root, "line") if one.get("data-axis")]) == 3


def test_a_cloud_of_points_that_coincide_is_a_figure() -> None:
    root = read(cloud("x", "t", np.ones((4, 3)), LOOKS))
    assert "NaN" not in "".join(one.get("transform", "") for one in root.iter())
    assert "nan" not in "".join(one.get("transform", "") for one in root.iter())


# --- trees ---


def tree_of(phones: list[str], distances: NDArray[np.float64], looks: Mapping[str, Look]) -> Chart:
    tree = phone_tree(phones, distances)
    return dendrogram(
        "x",
        "t",
        tree.phones,
        tree.linkage,
        tree.order.tolist(),
        looks=looks,
        describe=" ".join,
        label="distance",
    )


def value_of_x(root: ET.Element, leaf: float) -> float:
    """Pixels a unit of the axis below the tree."""
    marks = [(number(one, "x"), float(one.text or "")) for one in all_of(root, "text", class_="small")]
    assert marks[0][0] == pytest.approx(leaf)
    return (marks[-1][0] - marks[0][0]) / (marks[-1][1] - marks[0][1])


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 12), st.integers(0, 10_000))
def test_a_tree_s_branchings_stand_at_their_heights_over_their_phones(n: int, seed: int) -> None:
    phones = [f"v{i}" for i in range(n)]
    points = np.random.default_rng(seed).random((n, 3))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    distances = (distances + distances.T) / 2
    root = read(tree_of(phones, distances, {p: Look(p, "oral vowel", 0, voiced=True) for p in phones}))
    rows = {one.get("data-phone", ""): number(one, "y") - 4 for one in all_of(root, "text") if one.get("data-phone")}
    assert rows.keys() == set(phones)
    unit = value_of_x(root, 64)
    paths = {one.get("data-tip", ""): corners(one) for one in all_of(root, "polyline")}
    expected = squareform(cophenet(linkage(squareform(distances, checks=False), "average")))
    assert len(paths) == n - 1
    joined: dict[tuple[str, str], float] = {}
    for members, (a, b, c, d) in paths.items():
        assert b[0] == c[0] >= max(a[0], d[0]), "a branching is no lower than what it joins"
        assert (a[1], d[1]) == (b[1], c[1])
        inside = members.split()
        assert min(rows[p] for p in inside) <= b[1] <= max(rows[p] for p in inside)
        for p in inside:
            for q in inside:
                joined[p, q] = min(joined.get((p, q), np.inf), (b[0] - 64) / unit)
    for i, p in enumerate(phones):
        for j, q in enumerate(phones[:i]):
            assert joined[p, q] == pytest.approx(expected[i, j], abs=1e-3 * expected.max())


def test_a_tree_of_two_phones_and_one_whose_phones_are_all_alike() -> None:
    looks = {"p": LOOKS["p"], "<i>": LOOKS["<i>"]}
    root = read(tree_of(["p", "<i>"], np.array([[0.0, 0.5], [0.5, 0.0]]), looks))
    assert "p <i>" in tips(root)
    assert {"p", "<i>", "distance"} <= set(texts(root))
    alike = read(tree_of(["p", "<i>"], np.zeros((2, 2)), looks))
    assert "p <i>" in tips(alike)


def test_every_phone_of_a_tree_has_its_sign_and_words() -> None:
    distances = np.ones((4, 4)) - np.eye(4)
    root = read(tree_of(list(LOOKS), distances, LOOKS))
    for phone, look in LOOKS.items():
        (row,) = [g for g in all_of(root, "g") if phone in texts(g)]
        assert row.get("data-tip") == look.words
        assert bool(all_of(row, "circle")) == look.voiced


# --- data ---


@pytest.mark.parametrize("text", ["</script><script>alert(1)</script>", "<!--", "\u2028", '"', "ʃ", "]]>"])
def test_no_text_ends_the_data_s_element(text: str) -> None:
    block = str(data_block("data-x", {"key": [text]}))
    opened, written = block.split(">", 1)
    assert opened == '<script type="application/json" id="data-x"'
    inside = written.removesuffix("</script>")
    assert "<" not in inside
    assert json.loads(inside) == {"key": [text]}
