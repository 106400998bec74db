"""Activations computed elsewhere: every format, both arrangements of folders, and what is wrong with a file."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from phonoscope.corpus.types import Utterance
from phonoscope.errors import ModelError
from phonoscope.models.stored import StoredSource
from phonoscope.settings import ProbeSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from phonoscope.models.times import Layer

    Arrays = dict[str, NDArray[np.float32]]

RATE = 50.0
UTTERANCES = [Utterance(id_, "s", Path("none.wav"), 1.0, ()) for id_ in ("a/one", "a/two", "b/three")]


def planted(seed: int) -> Arrays:
    random = np.random.default_rng(seed)
    return {"first": random.normal(size=(50, 3)).astype(np.float32), "second": random.normal(size=(50, 5)).astype("f4")}


def h5py() -> Any:  # noqa: ANN401
    try:
        return importlib.import_module("h5py")
    except ImportError:
        why = "h5py is not installed"
        if os.environ.get("CI"):
            pytest.fail(f"{why}, but CI has to read its files")
        pytest.skip(why)


def write_npz(path: Path, arrays: Arrays) -> None:
    np.savez(path.with_suffix(".npz"), **arrays)  # type: ignore[arg-type]


def write_pt(path: Path, arrays: Arrays) -> None:
    torch.save({name: torch.from_numpy(array)[None] for name, array in arrays.items()}, path.with_suffix(".pt"))


def write_safetensors(path: Path, arrays: Arrays) -> None:
    save_file({name: torch.from_numpy(array) for name, array in arrays.items()}, path.with_suffix(".safetensors"))


def write_hdf5(path: Path, arrays: Arrays) -> None:
    with h5py().File(path.with_suffix(".h5"), "w") as file:
        for name, array in arrays.items():
            file[name] = array


@pytest.mark.parametrize("write", [write_npz, write_pt, write_safetensors, write_hdf5])
def test_a_file_an_utterance_has_a_layer_an_array(write: Callable[[Path, Arrays], None], tmp_path: Path) -> None:
    for i, utterance in enumerate(UTTERANCES):
        (tmp_path / utterance.id).parent.mkdir(exist_ok=True)
        write(tmp_path / utterance.id, planted(i))
    source = StoredSource(tmp_path, ProbeSettings(frame_rate=RATE))
    assert {name: layer.units for name, layer in source.layers(UTTERANCES).items()} == {"first": 3, "second": 5}
    check(source)


def test_a_folder_a_layer_has_a_file_an_utterance(tmp_path: Path) -> None:
    for i, utterance in enumerate(UTTERANCES):
        for name, array in planted(i).items():
            path = tmp_path / name / f"{utterance.id}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, array)
    source = StoredSource(tmp_path, ProbeSettings(frame_rate=RATE))
    assert list(source.layers(UTTERANCES)) == ["first", "second"]
    check(source)


def check(source: StoredSource) -> None:
    wanted = np.array([3, 3, 49])
    asked: list[Layer] = []

    def pick(layer: Layer, n: int) -> NDArray[np.int64]:
        assert n == 50
        asked.append(layer)
        return wanted

    for i, utterance in enumerate(UTTERANCES):
        for name, array in planted(i).items():
            assert np.array_equal(source.read(utterance, pick)[name], array[wanted])
    assert {(layer.hop, layer.offset) for layer in asked} == {(0.02, 0.01)}


def test_files_may_be_named_by_the_utterance_alone_and_of_half_precision(tmp_path: Path) -> None:
    for i, utterance in enumerate(UTTERANCES):
        np.save(tmp_path / f"{utterance.id.rsplit('/', maxsplit=1)[-1]}.npy", planted(i)["first"].astype(np.float16))
    source = StoredSource(tmp_path, ProbeSettings(frame_rate=RATE, offset=0.0125))
    (layer,) = source.layers(UTTERANCES).values()
    assert (layer.name, layer.shape, layer.offset) == ("activations", (3,), 0.0125)
    found = source.read(UTTERANCES[1], lambda _layer, n: np.arange(n))["activations"]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, planted(1)["first"], atol=2e-3)


def test_maps_are_kept_or_averaged(tmp_path: Path) -> None:
    maps = np.random.default_rng(0).normal(size=(50, 4, 2, 3)).astype(np.float32)
    torch.save(torch.from_numpy(maps), tmp_path / "one.pt")
    whole = StoredSource(tmp_path, ProbeSettings(frame_rate=RATE))
    assert whole.layers(UTTERANCES[:1])["activations"].units == 24
    found = whole.read(UTTERANCES[0], lambda _layer, _n: np.array([7]))["activations"]
    assert np.array_equal(found, maps[[7]].reshape(1, 24))
    mean = StoredSource(tmp_path, ProbeSettings(frame_rate=RATE, pool="mean"))
    assert mean.layers(UTTERANCES[:1])["activations"].units == 4
    found = mean.read(UTTERANCES[0], lambda _layer, _n: np.array([7]))["activations"]
    np.testing.assert_allclose(found, maps[[7]].mean(axis=(2, 3)), atol=1e-6)


def test_layers_are_chosen_by_name_or_pattern(tmp_path: Path) -> None:
    write_npz(tmp_path / "one", planted(0))
    asked = StoredSource(tmp_path, ProbeSettings(frame_rate=RATE, layers="s*"))
    assert list(asked.layers(UTTERANCES[:1])) == ["second"]
    with pytest.raises(ModelError, match="third"):
        StoredSource(tmp_path, ProbeSettings(frame_rate=RATE, layers="third")).layers(UTTERANCES[:1])


def everything(_layer: Layer, n: int) -> NDArray[np.int64]:
    return np.arange(n)


def test_what_is_wrong_is_told_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no activations"):
        StoredSource(tmp_path, ProbeSettings(frame_rate=RATE))
    np.save(tmp_path / "one.npy", planted(0)["first"])
    with pytest.raises(ModelError, match=r"--probe\.frame_rate"):
        StoredSource(tmp_path, ProbeSettings())
    with pytest.raises(ModelError, match="no file for utterance a/two"):
        StoredSource(tmp_path, ProbeSettings(frame_rate=RATE)).layers(UTTERANCES)
    lies = StoredSource(tmp_path, ProbeSettings(frame_rate=100))
    lies.layers(UTTERANCES[:1])
    with pytest.raises(ModelError, match=r"one\.npy: layer activations has 50 frames.*are 100; .*\(50 would fit\)"):
        lies.read(UTTERANCES[0], everything)


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.zeros((50, 4), np.float32), "has 4 units a frame, and 3 in the first utterance"),
        (np.array(["x"] * 50), "not frames × units of numbers"),
        (np.float32(1), "not frames × units of numbers"),
        (np.array([{"a": 1}], dtype=object), r"can not be read as activations"),
    ],
)
def test_a_file_that_is_not_like_the_first_is_named(array: Any, problem: str, tmp_path: Path) -> None:  # noqa: ANN401
    np.save(tmp_path / "one.npy", planted(0)["first"])
    np.save(tmp_path / "two.npy", array)
    source = StoredSource(tmp_path, ProbeSettings(frame_rate=RATE))
    source.layers(UTTERANCES[:2])
    with pytest.raises(ModelError, match=rf"two\.npy: .*{problem}"):
        source.read(UTTERANCES[1], everything)


class Naughty:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("was-run",)


def test_nothing_in_a_file_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Naughty()}, tmp_path / "one.pt")
    with pytest.raises(ModelError, match=r"one\.pt: can not be read"):
        StoredSource(tmp_path, ProbeSettings(frame_rate=RATE)).layers(UTTERANCES[:1])
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".pt", ".safetensors", ".h5"])
def test_a_file_cut_short_is_named(suffix: str, tmp_path: Path) -> None:
    if suffix == ".npy":
        np.save(tmp_path / "one.npy", planted(0)["first"])
    else:
        {".npz": write_npz, ".pt": write_pt, ".safetensors": write_safetensors, ".h5": write_hdf5}[suffix](
            tmp_path / "one", planted(0)
        )
    path = tmp_path / f"one{suffix}"
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(ModelError, match=rf"one{suffix}: can not be read as activations"):
        StoredSource(tmp_path, ProbeSettings(frame_rate=RATE)).layers(UTTERANCES[:1])
