"""The memory benchmark's page: tables between marks, the rest of the text as it was."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))

import memory
from memory import page

from phonoscope.rundir import read_config

if TYPE_CHECKING:
    import pytest

TEXT = """\
# Memory

Words.

<!-- machine -->
<!-- end -->

## Panels

<!-- panels -->
old
<!-- end -->

## Corpora

<!-- corpora -->
<!-- end -->

Last words.
"""


def took(size: float, stage: str, peak: float) -> dict[str, float | str]:
    return {"size": size, "stage": stage, "anonymous": peak, "high_water": 2 * peak, "seconds": peak / 10}


def test_tables_go_between_their_marks() -> None:
    machine = {"processor": "P", "cores": 2, "memory": 24, "system": "S", "python": "3.11"}
    found = {
        "date": "today",
        "machine": machine,
        "note": " (shared)",
        "jobs": 2,
        "panels": [took(50, "grid", 1234.4), took(100, "grid", 2000), took(50, "report", 90)],
        "corpora": [took(0.25, "features", 500)],
    }
    made = page(found, TEXT)
    assert made == page(found, made)
    assert "Measured on today: P, 2 cores, 24 GiB, S, Python 3.11 (shared), 2 jobs." in made
    assert "| stage | 50 | 100 | VmHWM, 50 | VmHWM, 100 |" in made
    assert "| grid | 1,234 | 2,000 | 2,469 | 4,000 |" in made
    assert "| report | 90 |  | 180 |  |" in made
    assert "| features | 500 | 1,000 |" in made
    assert "old" not in made
    assert made.startswith("# Memory\n\nWords.\n")
    assert made.endswith("<!-- end -->\n\nLast words.\n")


def test_panels_within_less_memory_have_tables_of_their_own() -> None:
    machine = {"processor": "P", "cores": 2, "memory": 24, "system": "S", "python": "3.11"}
    found = {"date": "today", "machine": machine, "jobs": 2, "panels": [took(50, "grid", 700)], "corpora": []}
    text = TEXT.replace("## Corpora", "<!-- within -->\nold\n<!-- end -->\n\n## Corpora")
    assert "old\n<!-- end -->\n\n## Corpora" in page(found, text), "not measured: what there is stays"
    found["within"] = [
        {"memory": 0.25, "panels": [took(50, "grid", 300), took(100, "grid", 310)]},
        {"memory": 1.0, "panels": [took(50, "grid", 600)]},
    ]
    made = page(found, text)
    assert made == page(found, made)
    _, _, rest = made.partition("| grid | 700 | 1,400 |\n<!-- end -->\n\n<!-- within -->\n")
    assert rest.startswith("### Within 0.25 GB\n\n| stage | 50 | 100 |")
    assert "| grid | 300 | 310 | 600 | 620 |\n\n### Within 1 GB\n\n| stage | 50 | VmHWM, 50 |" in rest
    assert rest.count("<!-- end -->\n\n## Corpora") == 1


def test_the_setting_is_that_of_the_panels_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    took_by = []

    def watch(words: list[str]) -> dict[str, dict[str, float]]:
        took_by.append((words[0], Path(words[1]).name, read_config(Path(words[1]))[0].clustering.memory))
        return {}

    monkeypatch.setattr(memory, "watched", watch)
    for within in (None, 0.25):
        memory.measure_panels([2], tmp_path, 1, {"D1": (4,)}, within)
    assert took_by[0] == ("grid and sweeps", "panel-2", 4.0)
    assert took_by[-1] == ("report", "panel-2-within-0.25", 0.25)
