"""The memory benchmark's page: tables between marks, the rest of the text as it was."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))

from memory import page

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
