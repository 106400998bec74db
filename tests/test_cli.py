"""The command line: exit statuses, one sentence for each mistake, settings from everywhere."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from threading import Thread
from typing import TYPE_CHECKING

import pytest

import phonoscope
from made_run import make_run
from phonoscope.cli import _CALLS, RunOptions, _settings, app, main
from phonoscope.settings import PRESETS, Settings

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import WriteAudio, WriteGrid

PHONES = [(0.1 * i, 0.1 * (i + 1), "aiu"[i % 3]) for i in range(9)]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """Run a command that has to be refused; return its one sentence."""
    assert main([str(argument) for argument in arguments]) == 2
    complaint = capsys.readouterr().err
    last = complaint.strip().splitlines()[-1]
    assert last.startswith("phonoscope: ")
    assert "Traceback" not in complaint
    return last


def test_version_and_help(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")  # narrower, and long names are broken over lines
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == phonoscope.__version__
    assert main(["run", "--help"]) == 0
    text = capsys.readouterr().out
    for name, _ in Settings().flat():
        assert f"--{name}" in text, name


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run"], "--out"),
        (["rnu"], "run"),
        (["run", "--out", "x", "--corpus.teir", "a"], "did you mean 'corpus.tier'?"),
        (["run", "--out", "x", "--learning_rate", "1"], "did you mean 'recogniser.learning_rate'?"),
        (["run", "--out", "x", "--recogniser.dropout", "2"], "recogniser.dropout = 2.0: it has to be from 0 to 0.95"),
        (["run", "--out", "x", "--recogniser.max_epochs", "many"], "max_epochs"),
        (["run", "--out", "x", "--seed", "1.7"], "seed = 1.7: it has to be a whole number"),
        (["run", "--out", "x", "--probing.frame", "fourth"], "third"),
        (["run", "--out", "x", "--probing.correct_only", "perhaps"], "correct_only"),
        (["run", "--out", "x", "--preset", "dmeo"], "there is no preset 'dmeo'; choose demo or paper"),
        (["run", "--out", "x", "--config", "nowhere.toml"], "nowhere.toml"),
        (["run", "nowhere", "--out", "x"], "nowhere"),
        (["run", "--out", "x", "--selection.spectral_criterion", "elbow"], "silhouette"),
        (["report"], "RUN"),
        (["report", "nowhere"], "nowhere: holds no run"),
        (["report", "nowhere", "--k", "many"], "--k = 'many': it has to be a whole number"),
        (["report", "nowhere", "--k"], "--k: its value is missing"),
        (["sample", "nowhere", "one"], "IDS = 'one': it has to be a whole number"),
        (["sample", "nowhere", "1", "--context", "far"], "--context = 'far': it has to be a number"),
        (["run", "--out", "x", "--clustering.k", "twenty"], "clustering.k = 'twenty': it has to be a whole number"),
        (["run", "--out", "x", "--recogniser.dropout", "half"], "recogniser.dropout = 'half': it has to be a number"),
        (["run"], "name with --out where the results go, as in `phonoscope run CORPUS --out FOLDER`"),
        (
            ["compare", "a", "b"],
            "name with --out where the results go, as in `phonoscope compare RUN RUN --out PAGE.html`",
        ),
        (["probe", "a", "--out", "x"], "name the corpus, as in `phonoscope probe MODEL CORPUS --out FOLDER`"),
        (["probe"], "name the model, as in `phonoscope probe MODEL CORPUS --out FOLDER`"),
        (["check"], "name the corpus, as in `phonoscope check CORPUS`"),
        (["report"], "name the run's folder, as in `phonoscope report RUN`"),
        (["synth"], "name the folder to write, as in `phonoscope synth FOLDER`"),
        (["run", "a", "b", "--out", "x"], "'b' is one name too many; `phonoscope run --help` tells"),
    ],
)
def test_a_mistake_gets_one_sentence(
    arguments: list[str],
    expected: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert expected in refused(capsys, *arguments)


def test_the_calls_that_are_named_could_be_given() -> None:
    assert _CALLS.keys() == {name for name in app if not name.startswith("-")}
    for call in _CALLS.values():
        app.parse_args(shlex.split(call)[1:], exit_on_error=False, print_error=False)


# a command that waits, and is told to end meanwhile
WAITS = """
import os, signal, sys, time
from phonoscope import cli
def waits(*_, **__):
    os.kill(os.getpid(), signal.SIG{})
    time.sleep(20)
cli.app = waits
sys.exit(cli.main([]))
"""


@pytest.mark.parametrize(
    ("name", "status", "told"),
    [
        ("TERM", 143, "ended by SIGTERM; the same command goes on from here\n"),
        ("INT", 130, "interrupted; the same command goes on from here\n"),
    ],
)
def test_a_signal_ends_a_command_with_a_sentence(name: str, status: int, told: str) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(place or os.curdir for place in sys.path)}
    command = [sys.executable, "-c", WAITS.format(name)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert (done.returncode, done.stderr) == (status, told)


def test_what_sigterm_does_elsewhere_is_left_as_it_was(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    during = []
    monkeypatch.setattr("phonoscope.cli.app", lambda *_, **__: during.append(signal.getsignal(signal.SIGTERM)))
    assert main([]) == 0
    assert during[0] != before
    assert signal.getsignal(signal.SIGTERM) == before
    other = Thread(target=main, args=([],))  # only the main thread may say what a signal does
    other.start()
    other.join()
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main([]) == 0
    assert during[1:] == [before, before]
    assert capsys.readouterr().err == ""


def test_a_refused_run_leaves_no_folder_that_it_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "nowhere"
    for arguments in ([missing], [missing, "--probing.frame", "mean"]):
        refused(capsys, "run", *arguments, "--out", tmp_path / "new" / "deeper")
        assert not (tmp_path / "new").exists()
    mine = tmp_path / "mine"
    mine.mkdir()
    refused(capsys, "run", missing, "--out", mine)
    refused(capsys, "run", missing, "--out", mine / "new")
    assert list(tmp_path.iterdir()) == [mine], "a folder that was there stays"
    assert list(mine.iterdir()) == []
    (mine / "note.txt").touch()
    assert "holds other files (note.txt" in refused(capsys, "run", missing, "--out", mine)
    assert [path.name for path in mine.iterdir()] == ["note.txt"]


def test_settings_come_from_preset_then_file_then_options(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("seed = 5\n[recogniser]\nbatch_size = 64\nlearning_rate = 0.5\n")
    options = RunOptions(recogniser_learning_rate=0.1, probing_correct_only="false")
    settings = _settings(options, "paper", file)
    assert settings.seed == 5
    assert settings.recogniser.batch_size == 64
    assert settings.recogniser.learning_rate == 0.1
    assert settings.probing.correct_only is False
    assert settings.synth.train_minutes == Settings().changed(PRESETS["paper"]).synth.train_minutes


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[corpus]\ntire = 'x'\n", "did you mean 'corpus.tier'?"),
        ("[corpus\n", "not TOML"),
        ("[signal]\nn_mels = 'forty'\n", "signal.n_mels = 'forty': it has to be a whole number"),
        ("[synth]\nsnr_low = 50\n", "synth.snr_low"),
    ],
)
def test_a_mistake_in_the_file_names_the_file(
    content: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "my.toml"
    file.write_text(content)
    complaint = refused(capsys, "run", "--out", tmp_path / "run", "--config", file)
    assert str(file) in complaint
    assert expected in complaint


def test_mistakes_in_a_corpus_name_the_file_and_the_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], write_audio: WriteAudio, write_grid: WriteGrid
) -> None:
    corpus, out = tmp_path / "corpus", tmp_path / "run"
    audio = write_audio(corpus / "anna" / "one.wav", 1.0)
    assert "TextGrid" in refused(capsys, "run", corpus, "--out", out)

    grid = write_grid(corpus / "anna" / "one.TextGrid", PHONES)
    lines = grid.read_text().splitlines()
    grid.write_text("\n".join(lines[:20]))
    assert "one.TextGrid, line " in refused(capsys, "run", corpus, "--out", out)

    write_grid(grid, PHONES, tier="words")
    assert "words" in refused(capsys, "run", corpus, "--out", out)

    write_grid(grid, [(0.0, 0.5, "a"), (0.5, 3.0, "i")])
    complaint = refused(capsys, "run", corpus, "--out", out)
    assert "one.TextGrid" in complaint
    assert "3" in complaint

    write_grid(grid, [(0.0, 0.5, "a"), (0.4, 0.8, "i")])
    assert "0.4" in refused(capsys, "run", corpus, "--out", out)

    write_grid(grid, [(0.0, 0.5, "a"), (0.5, 0.5, "i")])
    assert "0.5" in refused(capsys, "run", corpus, "--out", out)

    write_grid(grid, PHONES)
    audio.write_bytes(b"")
    assert "one.wav" in refused(capsys, "run", corpus, "--out", out)

    for name in ("one", "two"):
        write_audio(corpus / "anna" / f"{name}.wav", 1.0)
        write_grid(corpus / "anna" / f"{name}.TextGrid", PHONES)
    assert "one speaker" in refused(capsys, "run", corpus, "--out", out, "--corpus.split", "speaker")
    assert "too few phones" in refused(capsys, "run", corpus, "--out", out)
    assert not out.exists(), "nothing is left where nothing was run"


def test_synth_writes_a_corpus_and_refuses_a_full_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--synth.train_minutes", "0.5", "--synth.validation_minutes", "0.5", "--quiet"]
    assert main(["synth", str(tmp_path / "synth"), *small]) == 0
    assert list((tmp_path / "synth").rglob("*.TextGrid"))
    assert "not empty" in refused(capsys, "synth", tmp_path / "synth", *small)


def test_report_draws_a_run_again_with_another_number_of_classes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path / "run")
    assert main(["report", str(run.path), "--quiet"]) == 0
    printed = capsys.readouterr().out.split()
    assert printed == ["report:", str(run.path / "report.html")]
    before = (run.path / "report.html").read_text(encoding="utf-8")
    assert main(["report", str(run.path), "--k", "3", "--quiet"]) == 0
    assert {entry["k"] for entry in run.classes if entry["main"]} == {3}
    assert (run.path / "report.html").read_text(encoding="utf-8") != before
    assert "--k 99: the run was clustered into" in refused(capsys, "report", run.path, "--k", "99")
