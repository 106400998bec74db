"""A training that is interrupted and gone on with is the training that was not."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
import torch

from phonoscope.progress import Quiet
from phonoscope.recogniser.checkpoint import FILE, forget_checkpoint, identity
from phonoscope.recogniser.network import Dropout
from phonoscope.recogniser.training import train
from phonoscope.settings import RecogniserSettings, Settings, SignalSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import MakeFrames, Spoken
    from phonoscope.corpus.types import Corpus
    from phonoscope.progress import Advance
    from phonoscope.recogniser.learning_curve import Epoch
    from phonoscope.recogniser.network import Recogniser
    from phonoscope.signal.frames import FrameTable

    Made = tuple[FrameTable, Corpus]
    Trained = tuple[Recogniser, list[Epoch]]


class PulledPlug(Exception):  # noqa: N818 - not an error of anything
    pass


class Plug(Quiet):
    """Notes what is said, and ends a training in the midst of an epoch."""

    def __init__(self, epoch: int = 0) -> None:
        self.epoch = f"epoch {epoch}"
        self.begun: list[str] = []
        self.warned: list[str] = []

    def warn(self, text: str) -> None:
        self.warned.append(text)

    @contextmanager
    def bar(self, text: str, total: int, counted: str) -> Iterator[Advance]:  # noqa: ARG002
        self.begun.append(text)

        def advance(_steps: int) -> None:
            if text == self.epoch:
                raise PulledPlug

        yield advance


def config(**changes: Any) -> Settings:  # noqa: ANN401
    recogniser = {"kind": "dnn", "hidden": "24,24", "batch_size": 30, "max_epochs": 3, "precision": "float32"}
    return Settings(
        seed=5,
        signal=SignalSettings(n_mels=22, context=2),
        recogniser=RecogniserSettings(**recogniser | changes),  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def made(make_frames: MakeFrames) -> Made:
    draws = np.random.default_rng(0)
    spoken: list[Spoken] = [
        (f"s{i}", "validation" if i == 3 else "train", [("pai"[j % 3], int(draws.integers(3, 9))) for j in range(14)])
        for i in range(4)
    ]
    return make_frames(spoken, "pai", noise=2.0)


@pytest.fixture(scope="module")
def whole(made: Made) -> Trained:
    return train(*made, config())


def assert_same(found: Trained, expected: Trained) -> None:
    for name, tensor in expected[0].state_dict().items():
        assert torch.equal(found[0].state_dict()[name], tensor), name
        assert found[0].state_dict()[name].stride() == tensor.stride(), name
    assert [replace(e, seconds=0) for e in found[1]] == [replace(e, seconds=0) for e in expected[1]]


def interrupted(made: Made, folder: Path, settings: Settings, epoch: int) -> None:
    with pytest.raises(PulledPlug):
        train(*made, settings, folder=folder, progress=Plug(epoch))


@pytest.mark.parametrize("changes", [{"kind": "cnn"}, {"momentum": 0.0}, {"dropout": 0.0}])
def test_it_ends_with_the_same_bits(made: Made, tmp_path: Path, changes: dict[str, Any]) -> None:
    settings = config(**changes)
    expected = train(*made, settings)
    for epoch in (2, 3):  # interrupted twice
        interrupted(made, tmp_path, settings, epoch)
        assert pl.read_csv(tmp_path / "training.csv")["epoch"].to_list() == list(range(1, epoch))
        torch.rand(3)
    plug = Plug()
    found = train(*made, settings, folder=tmp_path, progress=plug)
    assert plug.begun == ["epoch 3"]
    assert plug.warned == []
    assert_same(found, expected)
    seconds = [epoch.seconds for epoch in found[1]]
    assert seconds == sorted(seconds)
    table = pl.read_csv(tmp_path / "training.csv")
    assert table["validation_loss"].to_list() == [epoch.validation_loss for epoch in expected[1]]


def test_a_training_that_was_over_is_over(made: Made, tmp_path: Path, whole: Trained) -> None:
    train(*made, config(), folder=tmp_path)
    plug = Plug()
    assert_same(train(*made, config(), folder=tmp_path, progress=plug), whole)
    assert plug.begun == []
    # more epochs are those that would have followed
    longer = train(*made, config(max_epochs=4), folder=tmp_path, progress=plug)
    assert plug.begun == ["epoch 4"]
    assert_same(longer, train(*made, config(max_epochs=4)))
    forget_checkpoint(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["training.csv"]


@pytest.mark.parametrize("damage", ["empty", "cut", "bit", "header", "text", "without momentum"])
def test_a_damaged_file_is_named_and_the_training_starts_anew(
    made: Made, tmp_path: Path, whole: Trained, damage: str
) -> None:
    interrupted(made, tmp_path, config(), 2)
    path = tmp_path / FILE
    content = bytearray(path.read_bytes())
    if damage == "bit":
        content[-100] ^= 4
    elif damage == "header":
        content = content.replace(b'"sha256"', b'"sha255"')
    elif damage == "text":
        content = bytearray(b"to be or not to be")
    elif damage == "without momentum":  # a file whose parts are whole, and of which one has another name
        content = content.replace(b'"momentum.output.bias"', b'"nomentum.output.bias"')
    else:
        content = content[: {"empty": 0, "cut": len(content) // 2}[damage]]
    path.write_bytes(content)
    plug = Plug()
    found = train(*made, config(), folder=tmp_path, progress=plug)
    (warning,) = plug.warned
    assert warning.startswith(f"{path}: is damaged (")
    assert warning.endswith("; the training starts from the first epoch")
    assert "\n" not in warning
    assert plug.begun[0] == "epoch 1"
    assert_same(found, whole)


def test_one_of_other_speech_or_settings_is_not_gone_on_from(made: Made, tmp_path: Path) -> None:
    frames, corpus = made
    interrupted(made, tmp_path, config(), 2)
    plug = Plug(1)
    with pytest.raises(PulledPlug):
        train(*made, config(learning_rate=0.02), folder=tmp_path, progress=plug)
    assert "is of a training on other speech or with other settings" in plug.warned[0]
    louder = replace(frames, static=frames.static + np.float32(1))
    with pytest.raises(PulledPlug):
        train(louder, corpus, config(), folder=tmp_path, progress=plug)
    assert len(plug.warned) == 2


def test_what_tells_trainings_apart(made: Made) -> None:
    frames, corpus = made
    rows = frames.labelled_rows(corpus, "train")
    here = identity(frames, rows, 3, config())
    assert identity(frames, rows.copy(), 3, config(max_epochs=9, patience=1, min_decrease=0.5)) == here
    labels = frames.labels.copy()
    labels[rows[0]] = (labels[rows[0]] + 1) % 3
    others = [
        identity(frames, rows, 4, config()),
        identity(frames, rows[1:], 3, config()),
        identity(replace(frames, labels=labels), rows, 3, config()),
        identity(replace(frames, means=frames.means + 1), rows, 3, config()),
        identity(frames, rows, 3, replace(config(), seed=6)),
        identity(frames, rows, 3, config(dropout=0.4)),
    ]
    assert len({here, *others}) == 7


def test_masks_go_on_where_they_were_and_are_shared_out() -> None:
    x = torch.ones(7, 5)
    dropout = Dropout(0.5).train()
    assert len(dropout.state()) == 0
    dropout.seed(1)
    dropout(x)  # an odd number of 16-bit draws: half a word may be left over
    state = dropout.state()
    expected = dropout(x)
    again = Dropout(0.5).train()
    again.restore(state)
    assert torch.equal(again(x), expected)
    parts = []
    for part in (slice(0, 3), slice(3, 7)):
        again.restore(state)
        again.part = part, 7
        parts.append(again(x[part]))
    assert torch.equal(torch.cat(parts), expected)
