"""The other side of the training benchmark trains the same network on the same windows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))

from measuring import OURS
from plain_training import LOADER, STORED, Windows, plain_network
from training import quickest
from training_page import page
from training_ways import operations, trained

from phonoscope.corpus.synth import write_synthetic
from phonoscope.progress import Quiet
from phonoscope.recogniser.cnn import PaperCNN
from phonoscope.settings import Settings

if TYPE_CHECKING:
    from conftest import MakeFrames, Spoken


def test_the_plain_loop_has_the_same_windows(make_frames: MakeFrames) -> None:
    spoken: list[Spoken] = [("ann", "train", [("p", 5), (".", 2), ("a", 4)]), ("bob", "train", [("i", 3)])]
    frames, corpus = make_frames(spoken, "pai")
    rows = frames.labelled_rows(corpus, "train")
    windows = Windows(frames, rows)
    assert len(windows) == 12
    for i, row in enumerate(rows):
        window, label = windows[i]
        np.testing.assert_array_equal(window.permute(1, 2, 0), frames.windows(rows[i : i + 1])[0])
        assert label == frames.labels[row]


def test_the_plain_network_is_the_paper_s() -> None:
    ours, plain = PaperCNN(33).eval(), plain_network(33, 11, 40, 0.5).eval()
    with torch.no_grad():
        for mine, theirs in zip(ours.parameters(), plain.parameters(), strict=True):
            theirs.copy_(mine)
        x = torch.randn(4, 3, 11, 40, generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(plain(x), ours(x))


def test_operations_are_counted_by_hand() -> None:
    products = [45 * 32 * 9 * 36, 480 * 64 * 7 * 8, 1792 * 1024, 1024 * 1024, 1024 * 1024, 1024 * 33]
    expected = 2 * (3 * sum(products) - products[0])
    assert operations(PaperCNN(33), torch.zeros(1, 3, 11, 40)) == expected
    assert quickest([3.0, 1.0, 2.0, *[9.0] * 17]) == pytest.approx(1.5)


def test_the_page_says_whether_the_aim_was_reached() -> None:
    def made(ours: float, precision: str) -> str:
        speeds = {OURS: ours, LOADER: 1000.0, STORED: 1100.0}
        run = {
            "threads": 1,
            "epochs": 4,
            "windows": 20_000,
            "held_out": 5_000,
            "precision": precision,
            "operations": 4e7,
            "peak": {"float32": 8e10, "bfloat16": 8e11},
            "sides": {name: {"speed": v, "middle": v / 2, "accuracy": 0.5 + v / 1e5} for name, v in speeds.items()},
        }
        machine = {"processor": "P", "cores": 1, "instructions": ["avx2"], "system": "S", "versions": {"torch": "2"}}
        seeds = {OURS: [0.612, 0.616, 0.62], STORED: [ours / 1e6 + v for v in (0.608, 0.61, 0.612)]}
        return page({"date": "today", "options": "--threads 1", "machine": machine, "runs": [run], "seeds": seeds})

    slow = made(1500.0, "float32")
    assert "    .venv/bin/python benchmarks/training.py --threads 1\n" in slow
    assert "1.50 times, which does not" in slow
    assert "would be 2.0 times as fast" in slow
    assert "| plain loop, DataLoader | 1 | float32 | 1,000 | 500 | 1.50 | 50 % | 0.510 |" in slow
    # Welch: standard error sqrt(.004² / 3 + .002² / 3), 2.94 degrees of freedom
    expected = "3 trainings of each way from seeds of their own, of as many epochs, end at 0.6160 (standard deviation "
    assert expected + "0.0040) by phonoscope and at 0.6115 (0.0020) by the plain loop: +0.0045, 95 % " in slow
    assert "interval -0.0038 to +0.0128 (Welch). The aim was to be within 0.01 of the plain loop, which holds." in slow
    quick = made(4000.0, "bfloat16")
    assert "4.00 times, which reaches it" in quick
    assert "does not suffice" not in quick
    assert "| phonoscope | 1 | bfloat16 | 4,000 | 2,000 | 1.00 | 20 % | 0.540 |" in quick


def test_both_ways_are_trained_from_seeds(tmp_path: Path) -> None:
    settings = Settings().changed({"synth.train_minutes": 0.5, "synth.validation_minutes": 0.5, "seed": 3})
    write_synthetic(tmp_path, settings.synth, jobs=1, progress=Quiet())
    found = {name: trained(name, tmp_path, 2, settings) for name in (OURS, STORED)}
    assert trained(OURS, tmp_path, 2, settings) == found[OURS]
    assert trained(OURS, tmp_path, 2, settings.changed({"seed": 4})) != found[OURS]
    assert all(0.03 < accuracy < 1 for accuracy in found.values())
