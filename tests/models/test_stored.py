"""Activations computed elsewhere: every format gives what was planted, at its times, and every mistake is told."""

from __future__ import annotations

import importlib
import pickle
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import save_file

from phonoscope.corpus.types import Corpus, Utterance
from phonoscope.errors import ModelError
from phonoscope.models.collecting import collect
from phonoscope.models.stored import StoredSource
from phonoscope.settings import ProbeSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from phonoscope.models.times import Layer

    Arrays = dict[str, NDArray[Any]]

RATE, HOP = 50.0, 0.02
SECONDS = {"anna/one": 1.0, "anna/two": 0.5, "ben/three.b": 1.5}
UNITS = {"layer2": 3, "layer10": 2}
SETTINGS = ProbeSettings(frame_rate=RATE)


def spoken(seconds: dict[str, float] = SECONDS) -> Corpus:
    return Corpus("planted", tuple(Utterance(n, n[:3], Path("none.wav"), s, ()) for n, s in seconds.items()), ("a",))


def planted(name: str, layer: str = "layer2") -> NDArray[np.float32]:
    """Whole numbers up to 256, which half precision has: frame, unit and utterance."""
    frames = np.arange(round(SECONDS[name] * RATE), dtype=np.float32)[:, None]
    return np.asarray(frames + np.arange(UNITS[layer]) + 80 * list(SECONDS).index(name), np.float32)


def layers_of(name: str) -> Arrays:
    return {layer: planted(name, layer) for layer in UNITS}


def npy(path: Path, arrays: Arrays) -> None:
    np.save(path.with_name(path.name + ".npy"), arrays["layer2"])


def npz(path: Path, arrays: Arrays) -> None:
    named: dict[str, Any] = dict(arrays)
    np.savez(path.with_name(path.name + ".npz"), **named)


def pt(path: Path, arrays: Arrays) -> None:
    torch.save({name: torch.tensor(a, dtype=torch.bfloat16) for name, a in arrays.items()}, f"{path}.pt")


def tensor(path: Path, arrays: Arrays) -> None:
    torch.save(torch.tensor(arrays["layer2"])[None].requires_grad_(), f"{path}.pt")


def tuples(path: Path, arrays: Arrays) -> None:
    torch.save(tuple(map(torch.tensor, arrays.values())), f"{path}.pth")


def safetensors(path: Path, arrays: Arrays) -> None:
    save_file({name: torch.tensor(a, dtype=torch.float16) for name, a in arrays.items()}, f"{path}.safetensors")


def hdf5(path: Path, arrays: Arrays) -> None:
    with h5py.File(f"{path}.h5", "w") as file:
        for name, array in arrays.items():
            file[f"encoder/{name}"] = array.astype(np.float16)


def stored(folder: Path, write: Callable[[Path, Arrays], None], names: list[str] | None = None) -> Path:
    for name in names or SECONDS:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, layers_of(name))
    return folder


def gathered(
    folder: Path, out: Path, settings: ProbeSettings = SETTINGS, *, corpus: Corpus | None = None, mean: bool = False
) -> tuple[pl.DataFrame, dict[str, NDArray[np.float32]]]:
    corpus = corpus or spoken()
    draws = np.random.default_rng(0)
    names = draws.choice([u.id for u in corpus.utterances], 40)
    ends = {u.id: u.duration for u in corpus.utterances}
    time = draws.uniform(0.05, [ends[name] - 0.06 for name in names])
    samples = pl.DataFrame({"utterance": names, "time": time, "start": time - 0.04, "end": time + 0.05})
    source = StoredSource(folder, settings)
    layers = source.layers(corpus.utterances)
    collect(source, layers, corpus, samples, out, mean=mean)
    return samples, {name: np.load(out / f"{name.replace('/', '_')}.npy") for name in layers}


def expected(samples: pl.DataFrame, layer: str = "layer2", offset: float = HOP / 2) -> NDArray[np.float32]:
    rows = []
    for name, time in samples.select("utterance", "time").iter_rows():
        array = planted(name, layer)
        rows.append(array[np.argmin(np.abs(offset + np.arange(len(array)) * HOP - time))])
    return np.array(rows)


@pytest.mark.parametrize(
    ("write", "found"),
    [
        (npy, {"acts": "layer2"}),
        (tensor, {"acts": "layer2"}),
        (npz, {"layer2": "layer2", "layer10": "layer10"}),
        (pt, {"layer2": "layer2", "layer10": "layer10"}),
        (tuples, {"0": "layer2", "1": "layer10"}),
        (safetensors, {"layer2": "layer2", "layer10": "layer10"}),
        (hdf5, {"encoder/layer2": "layer2", "encoder/layer10": "layer10"}),
    ],
)
def test_each_format_gives_what_was_planted(
    tmp_path: Path, write: Callable[[Path, Arrays], None], found: dict[str, str]
) -> None:
    samples, arrays = gathered(stored(tmp_path / "acts", write), tmp_path / "out")
    assert list(arrays) == list(found)
    for name, layer in found.items():
        assert arrays[name].dtype == np.float32
        np.testing.assert_array_equal(arrays[name], expected(samples, layer))


def test_folders_may_be_layers_and_their_numbers_order_them(tmp_path: Path) -> None:
    for name in SECONDS:
        for layer, array in layers_of(name).items():
            path = tmp_path / "acts" / layer / f"{name}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, array)
    samples, arrays = gathered(tmp_path / "acts", tmp_path / "out")
    assert list(arrays) == ["layer2", "layer10"]
    for layer, array in arrays.items():
        np.testing.assert_array_equal(array, expected(samples, layer))
    (tmp_path / "acts" / "layer10" / "anna" / "two.npy").unlink()
    with pytest.raises(ModelError, match=r"layer10: there is no file of activations for utterance anna/two"):
        gathered(tmp_path / "acts", tmp_path / "out")


def test_names_alone_do_if_they_are_unique(tmp_path: Path) -> None:
    folder = tmp_path / "acts"
    for name in SECONDS:
        npy_path = folder / name.rpartition("/")[2]
        folder.mkdir(exist_ok=True)
        npy(npy_path, layers_of(name))
    samples, arrays = gathered(folder, tmp_path / "out")
    np.testing.assert_array_equal(arrays["acts"], expected(samples))
    twins = spoken({"anna/one": 1.0, "ben/one": 1.0})
    with pytest.raises(ModelError, match=r"no file of activations for utterance anna/one \(and 1 more\)"):
        gathered(folder, tmp_path / "out", corpus=twins)


def test_the_offset_moves_the_frames(tmp_path: Path) -> None:
    folder = stored(tmp_path / "acts", npy)
    samples, arrays = gathered(folder, tmp_path / "out", replace(SETTINGS, offset=0.03))
    np.testing.assert_array_equal(arrays["acts"], expected(samples, offset=0.03))
    assert (arrays["acts"] != expected(samples)).any()


def test_a_sample_may_be_the_mean_over_its_segment(tmp_path: Path) -> None:
    samples, arrays = gathered(stored(tmp_path / "acts", npy), tmp_path / "out", mean=True)
    for row, (name, start, end) in enumerate(samples.select("utterance", "start", "end").iter_rows()):
        array = planted(name)
        centres = HOP / 2 + np.arange(len(array)) * HOP
        within = array[(centres >= start) & (centres < end)]
        np.testing.assert_allclose(arrays["acts"][row], within.mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("pool", ["none", "mean"])
def test_axes_after_the_frames_are_units(tmp_path: Path, pool: Any) -> None:  # noqa: ANN401
    def maps(path: Path, arrays: Arrays) -> None:
        array = arrays["layer2"][:, :, None, None] + np.arange(4).reshape(2, 2)
        np.save(f"{path}.npy", array[None])

    samples, arrays = gathered(stored(tmp_path / "acts", maps), tmp_path / "out", replace(SETTINGS, pool=pool))
    wanted = expected(samples)
    full = (wanted[:, :, None] + np.arange(4)).reshape(len(wanted), -1)
    np.testing.assert_allclose(arrays["acts"], full if pool == "none" else wanted + 1.5)


def test_one_number_a_frame_is_one_unit(tmp_path: Path) -> None:
    folder = stored(tmp_path / "acts", lambda path, arrays: np.save(f"{path}.npy", arrays["layer2"][:, 0]))
    samples, arrays = gathered(folder, tmp_path / "out")
    np.testing.assert_array_equal(arrays["acts"], expected(samples)[:, :1])


def test_layers_are_chosen(tmp_path: Path) -> None:
    folder = stored(tmp_path / "acts", npz)
    assert list(gathered(folder, tmp_path / "out", replace(SETTINGS, layers="*10"))[1]) == ["layer10"]
    with pytest.raises(ModelError, match="no layer is called 'layer3'"):
        gathered(folder, tmp_path / "out", replace(SETTINGS, layers="layer3"))


def test_another_process_reads_the_files_from_wherever_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(tmp_path / "acts", npy)
    monkeypatch.chdir(tmp_path)
    source, utterances = StoredSource(Path("acts"), SETTINGS), spoken().utterances
    source.layers(utterances)

    def every(_layer: Layer, n: int) -> NDArray[np.int64]:
        return np.arange(n)

    found, sent = source.read(utterances[0], every), pickle.dumps(source)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    there = pickle.loads(sent).read(utterances[0], every)  # noqa: S301 - from above
    assert list(there) == list(found)
    for name in found:
        np.testing.assert_array_equal(there[name], found[name])


def test_other_contents_are_another_model(tmp_path: Path) -> None:
    folder = stored(tmp_path / "acts", npy)
    first = StoredSource(folder, SETTINGS).about
    assert StoredSource(folder, SETTINGS).about == first
    np.save(folder / "anna" / "two.npy", planted("anna/two") + 1)
    assert StoredSource(folder, SETTINGS).about["weights"] != first["weights"]


def test_the_frame_rate_has_to_be_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"say by --probe\.frame_rate"):
        StoredSource(stored(tmp_path / "acts", npy), ProbeSettings())


def test_a_folder_without_activations(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="it is empty"):
        StoredSource(tmp_path, SETTINGS)
    (tmp_path / "a.csv").touch()
    with pytest.raises(ModelError, match=r"there are \.csv.*\.npy"):
        StoredSource(tmp_path, SETTINGS)


def two(path: Path) -> None:
    npz(path.with_name("two"), layers_of("anna/two"))


def widths(path: Path) -> None:
    np.save(path, planted("ben/three.b", "layer10"))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def objects(path: Path) -> None:
    np.save(path, np.array([{"a": 1}, None], object))


def saves(array: Callable[[], NDArray[Any]]) -> Callable[[Path], None]:
    return lambda path: np.save(path, array())


def whole() -> NDArray[Any]:
    return planted("ben/three.b")


MISTAKES: list[tuple[Callable[[Path], object], str]] = [
    (Path.unlink, "no file of activations for utterance ben/three.b; it has to be called ben/three.b.npy"),
    (lambda path: np.savez(path.with_name("three.b.npz"), a=whole()), "are both of utterance ben/three.b"),
    (widths, "three.b.npy: a frame of layer acts is 2, and 3 in the first utterance"),
    (cut, "three.b.npy: the activations can not be read: it is broken or cut short"),
    (lambda path: path.write_bytes(b"no array"), "it is broken or cut short"),
    (objects, "pickled objects, which are not read"),
    (saves(lambda: whole()[:60]), "60 frames for 1.500 s, 40 a second, where about 75 were expected at 50 a second"),
    (saves(lambda: np.repeat(whole(), 2, 0)), "150 frames for 1.500 s, 100 a second, .* or cut off frames"),
    (saves(lambda: whole().T), "store it with its frames first .another axis has 75"),
    (saves(lambda: np.full((75, 3), np.nan)), "not a number in utterance ben/three.b"),
    (saves(lambda: np.full((75, 3), 1e300)), "infinite in utterance ben/three.b"),
    (saves(lambda: whole() + 1j), "is of type complex"),
    (saves(lambda: np.array(1.0)), "acts is a single number"),
]


@pytest.mark.parametrize(("spoil", "told"), MISTAKES)
def test_a_mistake_is_told(tmp_path: Path, spoil: Callable[[Path], object], told: str) -> None:
    folder = stored(tmp_path / "acts", npy)
    spoil(folder / "ben" / "three.b.npy")
    with pytest.raises(ModelError, match=told):
        gathered(folder, tmp_path / "out")


@pytest.mark.parametrize("write", [npz, pt, safetensors, hdf5])
def test_a_file_that_is_cut_short(tmp_path: Path, write: Callable[[Path, Arrays], None]) -> None:
    folder = stored(tmp_path / "acts", write)
    (file,) = (folder / "ben").iterdir()
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(ModelError, match=rf"{file.name}: the activations can not be read: it is broken or cut short"):
        gathered(folder, tmp_path / "out")


def test_a_layer_that_an_utterance_lacks(tmp_path: Path) -> None:
    folder = stored(tmp_path / "acts", npz)
    np.savez(folder / "ben" / "three.b.npz", layer2=planted("ben/three.b"))
    with pytest.raises(ModelError, match=r"three\.b\.npz: layer layer10 is missing"):
        gathered(folder, tmp_path / "out")
    gathered(folder, tmp_path / "out", replace(SETTINGS, layers="layer2"))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_pickles_of_pytorch_are_refused(tmp_path: Path) -> None:
    folder = stored(tmp_path / "acts", tensor)
    path = folder / "ben" / "three.b.pt"
    torch.save({"layer": Path("object")}, path)
    with pytest.raises(ModelError, match="pickled objects, which are not read"):
        gathered(folder, tmp_path / "out")
    torch.save({"layer": "text"}, path)
    with pytest.raises(ModelError, match="it holds a str; store a tensor"):
        gathered(folder, tmp_path / "out")
    path.write_bytes(pickle.dumps(Path("object")))
    with pytest.raises(ModelError, match=r"three\.b\.pt: the activations can not be read"):
        gathered(folder, tmp_path / "out")


def test_layers_that_are_too_wide(tmp_path: Path) -> None:
    folder = stored(tmp_path / "acts", lambda path, _: np.save(f"{path}.npy", np.zeros((50, 3, 20_000), np.float16)))
    with pytest.raises(ModelError, match=r"3 × 20000 = 60,000 units.*--probe\.pool mean"):
        gathered(folder, tmp_path / "out")


def test_hdf5_without_h5py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stored(tmp_path / "acts", hdf5)
    real = importlib.import_module

    def fails(name: str) -> Any:  # noqa: ANN401
        if name == "h5py":
            raise ImportError(name)
        return real(name)

    monkeypatch.setattr(importlib, "import_module", fails)
    with pytest.raises(ModelError, match=r"pip install 'phonoscope\[hdf5\]'"):
        gathered(folder, tmp_path / "out")
