from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import parselmouth
import polars as pl
import pytest
import soundfile
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from phonoscope.cli import main
from phonoscope.cutting import cut_samples
from phonoscope.errors import RunDirectoryError, SampleError
from phonoscope.rundir import record
from phonoscope.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import WriteGrid

PHONES = [(0.0, 0.4, ""), (0.4, 0.7, "a"), (0.7, 1.0, "p"), (1.0, 1.3, "i"), (1.3, 2.0, "")]
SETTINGS = Settings().changed({"corpus.phones": "french"})
RATE = 22_050


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, write_grid: WriteGrid) -> Path:
    """A run's folder with a panel, and its corpus of stereo recordings beside it."""
    base = tmp_path_factory.mktemp("cut")
    for i in range(4):
        path = base / "mes mots" / "anna" / f"é {i}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(i).integers(-9_000, 9_000, (2 * RATE, 1 + i % 2)).astype(np.int16)
        soundfile.write(path, noise, RATE)
        write_grid(path.with_suffix(".TextGrid"), PHONES)
    out = base / "run"
    out.mkdir()
    record(out, SETTINGS, str(base / "mes mots"), 1)
    rows = [
        (i, f"anna/é {i // 2}", "anna", *(("a", 0.425, 0.4, 0.7) if i % 2 == 0 else ("p", 0.725, 0.7, 1.0)))
        for i in range(8)
    ]
    heads = ["sample", "utterance", "speaker", "phone", "time", "start", "end"]
    pl.DataFrame(rows, schema=heads, orient="row").write_parquet(out / "panel.parquet")
    return out


def intervals(grid: object, tier: int) -> list[tuple[float, float, str]]:
    """Read a tier as Praat does."""
    call = parselmouth.praat.call
    n = call(grid, "Get number of intervals", tier)
    return [
        (
            call(grid, "Get start time of interval", tier, i),
            call(grid, "Get end time of interval", tier, i),
            call(grid, "Get label of interval", tier, i),
        )
        for i in range(1, n + 1)
    ]


def test_audio_and_textgrid_of_a_sample(run: Path, tmp_path: Path) -> None:
    (cut,) = cut_samples(run, [1], out=tmp_path, context=0.2, jobs=1)
    assert cut.audio.name == "1-p-anna_é_0.wav"
    samples, rate = soundfile.read(cut.audio, dtype="int16")
    whole, _ = soundfile.read(run.parent / "mes mots" / "anna" / "é 0.wav", dtype="int16")
    assert rate == RATE
    np.testing.assert_array_equal(samples, whole[RATE // 2 : round(1.2 * RATE)])
    assert soundfile.info(cut.audio).subtype == "PCM_16"
    grid = parselmouth.read(str(cut.grid))
    expected = {
        1: [(0, 0.2, "a"), (0.2, 0.5, "p"), (0.5, 0.7, "i")],
        2: [(0, 0.2, ""), (0.2, 0.5, "p"), (0.5, 0.7, "")],
        3: [(0, 0.22, ""), (0.22, 0.23, "sample"), (0.23, 0.7, "")],
    }
    for tier, rows in expected.items():
        found = intervals(grid, tier)
        assert [row[2] for row in found] == [row[2] for row in rows]
        for have, want in zip(found, rows, strict=True):
            assert have[:2] == pytest.approx(want[:2], abs=1 / RATE)
    assert parselmouth.Sound(str(cut.audio)).duration == pytest.approx(intervals(grid, 1)[-1][1], abs=1e-6)


def test_the_mean_of_two_channels_is_not_rounded(run: Path, tmp_path: Path) -> None:
    (cut,) = cut_samples(run, [2], out=tmp_path, context=0)
    samples, _ = soundfile.read(cut.audio, dtype="float32")
    whole, _ = soundfile.read(run.parent / "mes mots" / "anna" / "é 1.wav", dtype="float32")
    np.testing.assert_array_equal(samples, whole.mean(axis=1)[round(0.4 * RATE) : round(0.7 * RATE)])
    assert soundfile.info(cut.audio).subtype == "FLOAT"


@examples(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 7), st.one_of(st.floats(0, 3), st.just(float("inf"))))
def test_the_cut_has_the_phone_and_stays_in_the_utterance(
    run: Path, tmp_path: Path, number: int, context: float
) -> None:
    (cut,) = cut_samples(run, [number], out=tmp_path, context=context, jobs=1)
    info = soundfile.info(cut.audio)
    start, end = (0.4, 0.7) if number % 2 == 0 else (0.7, 1.0)
    assert info.frames == pytest.approx((min(2.0, end + context) - max(0.0, start - context)) * RATE, abs=1)
    marked = [row for row in intervals(parselmouth.read(str(cut.grid)), 2) if row[2]]
    assert len(marked) == 1
    assert marked[0][1] - marked[0][0] == pytest.approx(0.3, abs=2 / RATE)


def test_mistakes_are_told(
    run: Path, tmp_path: Path, write_grid: WriteGrid, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SampleError, match="there is no sample 8; they go from 0 to 7"):
        cut_samples(run, [0, 8], out=tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SampleError, match="it has to be 0 or more"):
        cut_samples(run, [0], context=float("nan"))
    with pytest.raises(RunDirectoryError):
        cut_samples(tmp_path, [0])
    grid = run.parent / "mes mots" / "anna" / "é 3.TextGrid"
    before = grid.read_text("utf-8")
    write_grid(grid, [(0.0, 0.5, "a"), (0.5, 2.0, "")])
    with pytest.raises(SampleError, match=r"'anna/é 3' has no /p/ at 0\.700 s any more: the corpus was changed"):
        cut_samples(run, [7], out=tmp_path)
    grid.write_text(before, "utf-8")
    (tmp_path / "file").write_text("")
    assert main(["sample", str(run), "0", "--out", str(tmp_path / "file")]) == 2
    assert main(["sample", str(run)]) == 2
    assert "name the samples by their numbers" in capsys.readouterr().err


def test_the_command_writes_into_the_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", str(run), "0", "3", "--quiet"]) == 0
    files = capsys.readouterr().out.split("\n")[:-1]
    assert files == sorted(files, key=lambda name: name.split("/")[-1][0])
    assert {path.name for path in (run / "samples").iterdir()} == {name.rsplit("/", 1)[1] for name in files}
    assert len(files) == 4
