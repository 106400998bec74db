"""What depends on which setting: every setting is in the map, and the page says what the map says."""

from __future__ import annotations

from pathlib import Path

import pytest

from phonoscope.settings import Settings
from phonoscope.stages import FIRST, STAGES, first_stages, listed, with_what_follows

PAGE = Path(__file__).resolve().parents[1] / "docs" / "resuming.md"


def test_it_is_known_of_every_setting_what_depends_on_it_first_and_nothing_else_is_listed() -> None:
    names = [name for name, _ in Settings().flat()]
    for name in names:
        found = first_stages([name])
        assert found, name
        assert set(found) <= set(STAGES)
        # a name of its own or its group's, not both
        assert (name in FIRST) != (name.partition(".")[0] in FIRST and "." in name), name
    for key in FIRST:
        assert any(name == key or name.startswith(f"{key}.") for name in names), key
    with pytest.raises(KeyError):
        first_stages(["clusterings.k"])


def test_a_stage_comes_after_all_that_it_is_made_from() -> None:
    order = list(STAGES)
    for name, stage in STAGES.items():
        assert all(order.index(need) < order.index(name) for need in stage.needs), name
        assert not stage.marker or stage.marker in stage.files
    assert set(with_what_follows(["corpus"])) == set(STAGES)
    assert with_what_follows(["report"]) == ["report"]
    assert with_what_follows(first_stages(["clustering.k"])) == [
        "grid", "sweep", "measures", "classes", "structure", "report"
    ]  # fmt: skip
    assert with_what_follows(first_stages(["units.alpha", "selection.permutations"])) == ["classes", "units", "report"]
    assert listed(["grid", "units", "report"]) == "the grid, the units and the report"


def test_the_page_has_the_map() -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.read_text(encoding="utf-8").splitlines()]
    told = {row[0].strip("`"): row[1:] for row in rows if len(row) == 3 and row[0].startswith("`")}
    assert told == {
        name: [listed(with_what_follows(first)), _kept(with_what_follows(first))] for name, first in FIRST.items()
    }


def _kept(again: list[str]) -> str:
    kept = [stage for stage in STAGES if stage not in again]
    return listed(kept) if kept else "nothing"
