from __future__ import annotations

import json
import math
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

import oracles
from phonoscope.probing import activations
from phonoscope.probing.activations import layer_shapes, write_activations
from phonoscope.probing.panel import draw_panel
from phonoscope.recogniser.cnn import LAYERS, PaperCNN
from phonoscope.settings import ProbingSettings

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from conftest import MakeFrames, Spoken
    from phonoscope.probing.panel import Panel
    from phonoscope.signal.frames import FrameTable

SIZES = {"raw": 330, "conv1": 1_728, "mp1": 576, "conv2": 128, "mp2": 64, "D1": 1024, "D2": 1024, "D3": 1024}


@pytest.fixture(scope="module")
def frames_and_panels(make_frames: MakeFrames) -> tuple[FrameTable, dict[str, Panel]]:
    spoken: list[Spoken] = [
        ("ann", "validation", [("p", 3), ("a", 7), ("i", 4), (".", 2), ("a", 1)]),
        ("bob", "validation", [("i", 5), ("p", 6), ("a", 3), ("p", 3), ("i", 2)]),
    ]
    frames, corpus = make_frames(spoken, "pai")
    panels = {}
    for frame in ("third", "mean"):
        settings = ProbingSettings(n_per_phone=10, minimum=2, correct_only=False, frame=frame)
        panels[frame] = draw_panel(frames, corpus, settings, 0, lambda rows: np.zeros((len(rows), 3), np.float32))
    return frames, panels


@pytest.fixture(scope="module")
def model() -> PaperCNN:
    return PaperCNN(3, n_frames=5, n_mels=22)


def by_hand(model: PaperCNN, frames: FrameTable, row: int) -> dict[str, NDArray[np.float32]]:
    i = int(np.flatnonzero(frames.offset <= row)[-1])
    window = oracles.window(frames.features(i), int(row - frames.offset[i]), 2).transpose(2, 0, 1)[None]
    with torch.inference_mode():
        found = model.layers(torch.from_numpy(window.astype(np.float32)))
    return {name: found[name].flatten().numpy() for name in LAYERS}


@pytest.mark.parametrize("batch", [1, 3, 512])
@pytest.mark.parametrize("frame", ["third", "mean"])
def test_files_hold_what_the_layers_answer_to_each_sample(
    frames_and_panels: tuple[FrameTable, dict[str, Panel]],
    model: PaperCNN,
    frame: str,
    batch: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames, panels = frames_and_panels
    panel = panels[frame]
    monkeypatch.setattr(activations, "_BATCH", batch)
    model.train()  # dropout has to be off all the same
    sizes: list[int] = []
    model.conv1.register_forward_hook(lambda _module, inputs, _output: sizes.append(len(inputs[0])))
    write_activations(model, frames, panel, tmp_path / "activations")
    assert sum(sizes[1:]) == len(panel.rows)  # the first is for the shapes
    assert max(sizes) <= max(batch, np.bincount(panel.sample_of_row).max())  # a sample's frames are not torn apart
    n = panel.samples.height
    assert n > 6
    written = {path.name for path in (tmp_path / "activations").iterdir()}
    assert written == {"layers.json", *(f"{name}.npy" for name in LAYERS)}
    shapes = json.loads((tmp_path / "activations" / "layers.json").read_text())
    assert list(shapes) == list(LAYERS)
    assert {name: math.prod(shape) for name, shape in shapes.items()} == {name: SIZES[name] for name in LAYERS}
    found = {name: np.load(tmp_path / "activations" / f"{name}.npy", mmap_mode="r") for name in LAYERS}
    for name, values in found.items():
        assert values.shape == (n, SIZES[name])
        assert values.dtype == np.float32
        assert values.flags.c_contiguous
    for sample in range(n):
        of_frames = [by_hand(model, frames, row) for row in panel.rows[panel.sample_of_row == sample]]
        assert len(of_frames) == 1 or frame == "mean"
        for name in LAYERS:
            expected = sum((layers[name].astype(np.float64) for layers in of_frames), start=np.zeros(SIZES[name]))
            np.testing.assert_allclose(found[name][sample], expected / len(of_frames), atol=1e-5)


def test_a_network_in_another_order_of_memory_gives_the_same(
    frames_and_panels: tuple[FrameTable, dict[str, Panel]], tmp_path: Path
) -> None:
    frames, panels = frames_and_panels
    plain = PaperCNN(3, n_frames=5, n_mels=22)
    write_activations(plain, frames, panels["third"], tmp_path / "plain")
    trained: Any = deepcopy(plain)
    write_activations(trained.to(memory_format=torch.channels_last), frames, panels["third"], tmp_path / "last")
    for name in LAYERS:
        np.testing.assert_allclose(
            np.load(tmp_path / "plain" / f"{name}.npy"), np.load(tmp_path / "last" / f"{name}.npy"), atol=1e-5
        )


def test_shapes_are_those_of_the_files(frames_and_panels: tuple[FrameTable, dict[str, Panel]], model: PaperCNN) -> None:
    shapes = layer_shapes(model, frames_and_panels[0])
    assert shapes["raw"] == (3, 5, 22)
    assert {name: int(np.prod(shape)) for name, shape in shapes.items()} == SIZES


@pytest.mark.parametrize("before", [True, False])
def test_an_error_leaves_nothing_behind_and_what_was_there_untouched(
    frames_and_panels: tuple[FrameTable, dict[str, Panel]],
    model: PaperCNN,
    before: bool,  # noqa: FBT001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames, panels = frames_and_panels
    folder = tmp_path / "activations"
    if before:
        write_activations(model, frames, panels["third"], folder)
    content = {p.name: p.read_bytes() for p in folder.glob("*")}
    monkeypatch.setattr(activations, "_BATCH", 2)
    calls = 0

    def breaking(windows: torch.Tensor) -> dict[str, torch.Tensor]:
        nonlocal calls
        calls += 1
        if calls > 2:  # the shapes, one batch, and then
            msg = "the disk is full"
            raise OSError(msg)
        return PaperCNN.layers(model, windows)

    monkeypatch.setattr(model, "layers", breaking)
    with pytest.raises(OSError, match="disk is full"):
        write_activations(model, frames, panels["mean"], folder)
    assert calls == 3
    assert {p.name: p.read_bytes() for p in folder.glob("*")} == content
    assert not list(folder.glob(".*"))
