"""Training by torchrun: two processes on one machine, whose learning curve is that of one."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
import torch

from phonoscope.errors import SettingError
from phonoscope.model_run import probe
from phonoscope.recogniser.devices import resolve_device
from phonoscope.recogniser.ranks import Ranks, of_torchrun
from phonoscope.recogniser.training import train
from phonoscope.settings import RecogniserSettings, Settings, SignalSettings

if TYPE_CHECKING:
    from conftest import MakeFrames, Spoken

SETTINGS = Settings(
    seed=5,
    signal=SignalSettings(n_mels=22, context=2),
    recogniser=RecogniserSettings(kind="dnn", hidden="24,24", batch_size=30, max_epochs=3, precision="float32"),
)
# what `run` does of it: rank 0 trains in a folder, and the others help
SCRIPT = """
import os, pickle, sys
from pathlib import Path
from phonoscope.company import one_leads
from phonoscope.errors import LostProcessError
from phonoscope.progress import Quiet
from phonoscope.recogniser.training import train
from phonoscope.results import Run

class Vanishing(Quiet):
    def say(self, text):
        if text.startswith("epoch 1"):
            os._exit(7)

@one_leads
def lead(*, out, jobs, device):
    assert os.environ["RANK"] == "0"
    frames, corpus, settings = pickle.loads((out / "made").read_bytes())
    train(frames, corpus, settings, folder=out, device=device, progress=Vanishing() if "--vanish" in sys.argv else None)
    return Run(out)

try:
    lead(out=Path(sys.argv[1]), jobs=2, device="cpu")
except LostProcessError as error:
    print(error)
    sys.exit(2)
"""


def environment(**more: str) -> dict[str, str]:
    source = str(Path(__file__).resolve().parents[1] / "src")
    return os.environ | {"PYTHONPATH": source, "OMP_NUM_THREADS": "1"} | more


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def two(*command: str) -> list[tuple[int, str]]:
    """Start two processes as torchrun does, without one that watches; return their statuses and what they print."""
    port = free_port()
    running = []
    for rank in ("0", "1"):
        ranks = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
        env = environment(MASTER_ADDR="127.0.0.1", MASTER_PORT=port, **ranks)
        running.append(
            subprocess.Popen(  # noqa: S603 - ours
                [sys.executable, *command], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        )
    try:
        said = [process.communicate(timeout=300)[0] for process in running]
    finally:
        for process in running:
            process.kill()
    return [(process.returncode, text) for process, text in zip(running, said, strict=True)]


@pytest.fixture(scope="module")
def folder(make_frames: MakeFrames, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("company")
    spoken: list[Spoken] = [
        (f"s{i}", "validation" if i == 3 else "train", [("pai"[j % 3], 3 + (5 * j + i) % 6) for j in range(14)])
        for i in range(4)
    ]
    spoken[0] = ("s0", "train", [*spoken[0][2], ("p", 16)])
    frames, corpus = make_frames(spoken, "pai", noise=2.0)
    assert len(frames.labelled_rows(corpus, "train")) % 30 == 1, "a batch of one window, of which one has none"
    (out / "made").write_bytes(pickle.dumps((frames, corpus, SETTINGS)))
    (out / "script.py").write_text(SCRIPT)
    return out


def test_two_processes_learn_as_one_does(folder: Path) -> None:
    frames, corpus, settings = pickle.loads((folder / "made").read_bytes())  # noqa: S301 - written above
    _, expected = train(frames, corpus, settings)
    # the first epoch alone, and with that the two go on
    train(frames, corpus, settings.changed({"recogniser.max_epochs": 1}), folder=folder)
    command = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-addr", "127.0.0.1", "--master-port"]
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, *command, free_port(), str(folder / "script.py"), str(folder)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found = pl.read_csv(folder / "training.csv")
    assert found.height == 3
    for name in ("training_loss", "validation_loss", "frame_accuracy", "phone_error_rate"):
        np.testing.assert_allclose(found[name], [getattr(epoch, name) for epoch in expected], atol=1e-5)


def test_who_is_left_by_rank_0_does_not_wait(folder: Path) -> None:
    (folder / "checkpoint.safetensors").unlink(missing_ok=True)
    # as those of a long corpus, features lie in a file
    frames, _, _ = pickle.loads((folder / "made").read_bytes())  # noqa: S301 - written above
    (folder / "features").mkdir()
    frames.static.tofile(folder / "features" / "static.f32")
    (first, _), (second, said) = two(str(folder / "script.py"), str(folder), "--vanish")
    assert first == 7
    assert second == 2, said
    assert "one has ended or can not be reached" in said
    assert "Traceback" not in said


def test_an_error_of_rank_0_is_said_once_and_sends_the_others_home(tmp_path: Path) -> None:
    command = ["-m", "phonoscope", "run", str(tmp_path / "nothing"), "--out", str(tmp_path / "run"), "--device", "cpu"]
    (first, said), (second, silence) = two(*command)
    assert first == 2
    assert str(tmp_path / "nothing") in said
    assert second == 0
    assert silence == ""
    assert not (tmp_path / "run").exists()


def test_a_probe_is_not_for_torchrun_and_says_so_once(tmp_path: Path) -> None:
    command = ["-m", "phonoscope", "probe", "no:model", str(tmp_path), "--out", str(tmp_path / "run")]
    (first, said), (second, silence) = two(*command)
    assert first == 2
    assert said.startswith("phonoscope: torchrun has started 2 processes, and probe has nothing for them to share")
    assert "call it without torchrun" in said
    assert (second, silence) == (0, "")
    assert list(tmp_path.iterdir()) == []
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", free_port()]
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, *torchrun, *command], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert done.stderr.count("phonoscope: torchrun has started 2 processes") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_probe_from_python_is_not_for_torchrun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("MASTER_ADDR", "127.0.0.1"), ("RANK", "1"), ("WORLD_SIZE", "3")):
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingError, match=r"torchrun has started 3 processes.*call it without torchrun"):
        probe("no:model", tmp_path, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_shares_are_all_rows_once() -> None:
    for n in (0, 1, 5, 256):
        parts = [Ranks(rank, 3).share(n) for rank in range(3)]
        assert [row for part in parts for row in range(n)[part]] == list(range(n))


def test_without_torchrun_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "8")  # some batch systems set it too
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    assert of_torchrun() == (0, 1)
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("RANK", "3")
    assert of_torchrun() == (3, 8)


def test_a_device_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == resolve_device("cpu") == torch.device("cpu")
    with pytest.raises(SettingError, match="finds no CUDA device"):
        resolve_device("cuda")
    with pytest.raises(SettingError, match="has to be one of auto, cpu, cuda"):
        resolve_device("tpu")
