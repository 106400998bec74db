"""The README's example is run, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phonoscope.settings import Settings

if TYPE_CHECKING:
    import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHONOSCOPE_CACHE", str(tmp_path / "cache"))
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102 - our own README
    assert names["run"].scores.height == 3 * 48, "a row a cell and seed"
    assert names["f"].select("reduction", "clusterer").unique().height == names["f"].height == 6
    printed = capsys.readouterr().out
    assert re.search(r"^33 0\.\d+$", printed, flags=re.MULTILINE)
    scores = [float(f) for f in re.findall(r"^(?:7|17|33) (0\.\d+)$", printed, flags=re.MULTILINE)]
    assert scores == sorted(scores), "more clusters, more phones that own one"


def test_every_setting_that_it_names_exists() -> None:
    known = {name for name, _ in Settings().flat()}
    named = set(re.findall(r"(?<=--)[a-z]+\.[a-z_]+", README)) | set(re.findall(r'(?<=")[a-z]+\.[a-z_]+(?=":)', README))
    assert named
    assert named <= known


def test_every_link_into_the_repository_leads_somewhere() -> None:
    root = Path(__file__).parents[1]
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", README) if "://" not in target]
    assert targets
    for target in targets:
        assert (root / target).exists(), target
