"""Hugging Face's speech models, tiny and random: what they are given, which layers there are, and when frames are."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
import torch
from cloudpickle import dumps, loads

from phonoscope.corpus.types import Utterance
from phonoscope.errors import ModelError
from phonoscope.models.computing import ComputedSource
from phonoscope.models.huggingface import frame_times, hugging_face
from phonoscope.settings import ProbeSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from phonoscope.models.times import Layer

    Make = Callable[[str], Path]

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
CONV = {"conv_dim": (8, 8, 8), "conv_kernel": (10, 8, 4), "conv_stride": (5, 8, 8), "num_feat_extract_layers": 3}
CONV |= {"num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2}
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "wav2vec2": ("Wav2Vec2Config", "Wav2Vec2Model", SMALL | CONV),
    "hubert": ("HubertConfig", "HubertModel", SMALL | CONV | {"do_stable_layer_norm": True}),
    "wavlm": ("WavLMConfig", "WavLMModel", SMALL | CONV),
    "data2vec-audio": ("Data2VecAudioConfig", "Data2VecAudioModel", SMALL | CONV | {"conv_pos_kernel_size": 3}),
    "wav2vec2-bert": ("Wav2Vec2BertConfig", "Wav2Vec2BertModel", SMALL),
    "whisper": (
        "WhisperConfig",
        "WhisperModel",
        {"d_model": 16, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 2, "vocab_size": 60}
        | {"decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "max_source_positions": 150}
        | {"num_mel_bins": 20, "pad_token_id": 1, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 3},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def library() -> Any:  # noqa: ANN401
    try:
        return importlib.import_module("transformers")
    except ImportError:
        why = "transformers is not installed"
        if os.environ.get("CI"):
            pytest.fail(f"{why}, but CI has to read its models")
        pytest.skip(why)


@pytest.fixture(scope="module")
def make(library: Any, tmp_path_factory: pytest.TempPathFactory) -> Make:  # noqa: ANN401
    made: dict[str, Path] = {}

    def write(kind: str) -> Path:
        if kind not in made:
            config_name, model_name, options = KINDS[kind]
            torch.manual_seed(0)
            config = getattr(library, config_name)(**options)
            made[kind] = tmp_path_factory.mktemp(kind) / "model"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                getattr(library, model_name)(config).save_pretrained(made[kind])
            if kind == "whisper":
                library.WhisperFeatureExtractor(feature_size=20).save_pretrained(made[kind])
            elif kind == "wav2vec2-bert":
                library.SeamlessM4TFeatureExtractor().save_pretrained(made[kind])
            else:
                library.Wav2Vec2FeatureExtractor(do_normalize=kind != "hubert").save_pretrained(made[kind])
        return made[kind]

    return write


def spoken(folder: Path, samples: NDArray[np.float32]) -> Utterance:
    path = folder / "u.wav"
    soundfile.write(path, samples, 16_000, subtype="FLOAT")
    return Utterance("u", "s", path, len(samples) / 16_000, ())


def frames_of(folder: Path, samples: NDArray[np.float32], where: Path, layers: str = "") -> dict[str, Any]:
    """Every frame of every layer, with the layer."""
    source = ComputedSource(hugging_face(str(folder)), ProbeSettings(layers=layers))
    utterance = spoken(where, samples)
    found = source.layers([utterance])

    def all_frames(_layer: Layer, n: int) -> NDArray[np.int64]:
        return np.arange(n)

    return {name: (found[name], frames) for name, frames in source.read(utterance, all_frames).items()}


def noise(seconds: float, seed: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * 16_000)).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_layers_are_what_the_model_itself_gives(kind: str, make: Make, library: Any, tmp_path: Path) -> None:  # noqa: ANN401
    folder, samples = make(kind), noise(1.3)
    found = frames_of(folder, samples, tmp_path)
    model = library.AutoModel.from_pretrained(folder).eval()
    model = model.get_encoder() if kind == "whisper" else model
    extractor = library.AutoFeatureExtractor.from_pretrained(folder)
    options = {"padding": "max_length", "max_length": 48_000} if kind == "whisper" else {}
    given = extractor(samples, sampling_rate=16_000, return_tensors="pt", **options)
    with torch.inference_mode():
        answer = model(**given, output_hidden_states=True)
    blocks = [name for name in found if name.rsplit(".", 1)[-1].isdecimal()]
    assert len(blocks) == 2
    assert len(found) == 3
    assert [found[name][0].units for name in blocks] == [16, 16]
    np.testing.assert_allclose(found[blocks[0]][1], answer.hidden_states[1][0].numpy(), atol=1e-5)
    # what the library returns is normed once more where blocks norm their input
    norm = {"hubert": "encoder.layer_norm", "whisper": "layer_norm"}.get(kind)
    last = torch.from_numpy(found[blocks[1]][1])
    with torch.inference_mode():
        last = model.get_submodule(norm)(last) if norm else last
        front = {"whisper": "conv2", "wav2vec2-bert": "feature_projection"}.get(kind, "feature_extractor")
        if kind == "whisper":
            conv1 = torch.nn.functional.gelu(model.conv1(given["input_features"]))
            features = model.conv2(conv1)[0].T
        elif kind == "wav2vec2-bert":
            features = model.feature_projection(given["input_features"])[0][0]
        else:
            features = model.feature_extractor(given["input_values"])[0].T
    np.testing.assert_allclose(last.numpy(), answer.last_hidden_state[0].numpy(), atol=1e-5)
    np.testing.assert_allclose(found[front][1], features.numpy(), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_other_processes_compute_the_very_same(kind: str, make: Make, tmp_path: Path) -> None:
    source, utterance = ComputedSource(hugging_face(str(make(kind))), ProbeSettings()), spoken(tmp_path, noise(1.3))
    source.layers([utterance])
    there = loads(dumps(source))

    def every(_layer: Layer, n: int) -> NDArray[np.int64]:
        return np.arange(n)

    found, other = source.read(utterance, every), there.read(utterance, every)
    assert list(found) == list(other)
    for name in found:
        np.testing.assert_array_equal(found[name], other[name])


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_answers_to_what_is_heard_at_its_time(kind: str, make: Make, tmp_path: Path) -> None:
    # the front end only: a block of the transformer hears everything
    layer = {"whisper": "conv*", "wav2vec2-bert": "feature_projection"}.get(kind, "feature_extractor.conv_layers.?")
    plain = noise(1.5, 2)
    with_burst = plain.copy()
    middle = 0.8
    burst = slice(round(middle * 16_000) - 16, round(middle * 16_000) + 16)
    with_burst[burst] += 3 * noise(32 / 16_000, 3)  # short: a norm over the utterance moves the rest by little
    before, after = (frames_of(make(kind), samples, tmp_path, layer) for samples in (plain, with_burst))
    assert len(before) >= 1
    for name, (at, frames) in after.items():
        spread = np.abs(frames - before[name][1])
        moved = spread.sum(axis=1) - np.median(spread.sum(axis=1))
        moved[moved < 0.5 * moved.max()] = 0
        centre = (moved * (at.offset + at.hop * np.arange(len(frames)))).sum() / moved.sum()
        # the middle of what changed, to half a frame; Whisper and the filterbanks see the burst smeared, evenly
        assert abs(centre - middle) < max(0.5 * at.hop, 0.006), (name, centre)


def test_hops_and_centres_of_convolutions_are_those_of_the_receptive_field() -> None:
    kernels, strides = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)  # wav2vec 2.0's
    hop, offset = frame_times(kernels, strides, 16_000)[-1]
    assert hop == 0.02
    assert offset == (400 - 1) / 2 / 16_000  # 25 ms, from the first sample on
    stack = torch.nn.Sequential(*(torch.nn.Conv1d(1, 1, k, s) for k, s in zip((4, 3, 2), (3, 2, 2), strict=True)))
    samples = torch.randn(1, 1, 200, requires_grad=True)
    stack(samples)[0, 0, 4].backward()
    assert samples.grad is not None
    seen = samples.grad[0, 0].nonzero().ravel()
    hop, offset = frame_times((4, 3, 2), (3, 2, 2), 1)[-1]
    assert offset + 4 * hop == (seen[0] + seen[-1]) / 2


FRONT = {"wav2vec2": "feature_extractor", "whisper": "conv2", "wav2vec2-bert": "feature_projection"}


@pytest.mark.parametrize("kind", FRONT)
def test_what_a_frame_hears_is_centred_to_two_milliseconds(kind: str, make: Make) -> None:
    # a click is put at many places around a frame's centre: what it changes balances there, if kernels are symmetric
    adapter = hugging_face(str(make(kind)))
    assert adapter.prepare is not None
    module = adapter.module.eval()
    out: dict[str, Any] = {}
    with torch.no_grad():
        for inner in module.modules():
            if isinstance(inner, torch.nn.Conv1d):
                inner.weight.copy_((inner.weight + inner.weight.flip(-1)) / 2)
        if kind == "wav2vec2-bert":  # two frames of the filterbank side by side
            weight = module.get_parameter("feature_projection.projection.weight")
            weight[:, 80:] = weight[:, :80]

    def keep(_module: object, _inputs: object, output: Any) -> None:  # noqa: ANN401
        out["frames"] = (output[0] if isinstance(output, tuple) else output)[0].numpy()

    handle = module.get_submodule(FRONT[kind]).register_forward_hook(keep)

    def frames(samples: NDArray[np.float32]) -> NDArray[np.float32]:
        given = adapter.prepare(torch.from_numpy(samples)[None]) if adapter.prepare else None
        with torch.inference_mode():
            module(**given) if isinstance(given, dict) else module(given)
        found: NDArray[np.float32] = out["frames"]
        return found if kind == "wav2vec2-bert" else found.T

    balance = []
    for seed in range(3):
        plain, number = noise(0.7, seed), 15
        before, expected = frames(plain), round((adapter.offset + number * adapter.hop) * 16_000)
        shifts = np.arange(-640, 641, 64)
        heard = []
        for at in expected + shifts:
            clicked = plain.copy()
            clicked[at] += 3
            moved = np.abs(frames(clicked) - before).sum(axis=1)
            heard.append(max(0.0, moved[number] - np.median(moved)))  # all frames move by the norm over the utterance
        weights = np.array(heard) * (np.array(heard) > 0.1 * max(heard))
        balance.append(1000 * (weights * shifts).sum() / weights.sum() / 16_000)
    handle.remove()
    assert abs(np.mean(balance)) < 2, balance


def test_whisper_takes_no_more_than_it_was_made_for(make: Make, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"utterance u lasts 3\.5 s, and .* takes 3 s at the most"):
        frames_of(make("whisper"), noise(3.5), tmp_path)


def test_half_precision_is_computed_in_float32(make: Make, library: Any, tmp_path: Path) -> None:  # noqa: ANN401
    folder = tmp_path / "half"
    library.AutoModel.from_pretrained(make("wavlm")).half().save_pretrained(folder)
    library.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    source = ComputedSource(hugging_face(str(folder)), ProbeSettings())
    found = source.layers([spoken(tmp_path, noise(1))])
    assert found
    full = frames_of(make("wavlm"), noise(1), tmp_path)["encoder.layers.1"][1]
    np.testing.assert_allclose(frames_of(folder, noise(1), tmp_path)["encoder.layers.1"][1], full, atol=0.05)


def test_what_can_not_be_probed_is_told_in_a_sentence(make: Make, library: Any, tmp_path: Path) -> None:  # noqa: ANN401
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(ModelError, match="kind 'bert'; those that can be probed are wav2vec2, hubert"):
        hugging_face(str(tmp_path / "bert"))
    (tmp_path / "bert" / "config.json").write_text("{")
    with pytest.raises(ModelError, match="no model that can be read"):
        hugging_face(str(tmp_path / "bert"))
    config = library.AutoConfig.from_pretrained(make("hubert"))
    config.save_pretrained(tmp_path / "no-weights")
    with pytest.raises(ModelError, match="no model that can be read"):
        hugging_face(str(tmp_path / "no-weights"))
    config.num_hidden_layers = 3  # one more than there are weights of: it would be random
    broken = tmp_path / "broken"
    library.AutoModel.from_pretrained(make("hubert")).save_pretrained(broken)
    config.save_pretrained(broken)
    with pytest.raises(ModelError, match=r"weights are not whole, there is no encoder\.layers\.2"):
        hugging_face(str(broken))


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("model.safetensors", b"", "no model that can be read"),
        ("model.safetensors", b"version https://git-lfs.github.com/spec/v1\n", "no model that can be read"),
        ("pytorch_model.bin", b"", "its weights are cut off"),
        ("pytorch_model.bin", b"garbage", "its weights are cut off"),
        ("config.json", {"hidden_size": "wide"}, "expected int"),
        ("config.json", {"hidden_size": 24}, "other shapes than its config.json says"),
        ("config.json", {"conv_stride": [5, 8]}, "no model that can be read"),
        ("preprocessor_config.json", b"{", "says how the model's input is made"),
        ("preprocessor_config.json", None, "says how the model's input is made"),
        ("preprocessor_config.json", {"feature_extractor_type": "WhisperFeatureExtractor"}, "is a WhisperFeature"),
        ("preprocessor_config.json", {"sampling_rate": None}, "sampling_rate is None"),
    ],
)
def test_a_damaged_folder_is_told_in_a_sentence(
    file: str, content: bytes | dict[str, Any] | None, said: str, make: Make, tmp_path: Path
) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(make("wav2vec2"), folder)
    if file == "pytorch_model.bin":
        (folder / "model.safetensors").unlink()
    if content is None:
        (folder / file).unlink()
    elif isinstance(content, dict):
        (folder / file).write_text(json.dumps(json.loads((folder / file).read_text()) | content))
    else:
        (folder / file).write_bytes(content)
    with pytest.raises(ModelError, match=said) as caught:
        hugging_face(str(folder))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(folder))


def test_code_that_comes_with_a_model_is_neither_run_nor_asked_about(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(make("wav2vec2"), tmp_path / "foreign")
    path = tmp_path / "foreign" / "config.json"
    content = json.loads(path.read_text()) | {"model_type": "foreign", "auto_map": {"AutoConfig": "own.Config"}}
    path.write_text(json.dumps(content))
    (path.parent / "own.py").write_text("raise SystemExit")

    asked: list[object] = []

    def ask(*arguments: object) -> str:
        asked.append(arguments)  # an exception would be caught by the library
        return "n"

    monkeypatch.setattr("builtins.input", ask)
    with pytest.raises(ModelError, match="no model that can be read"):
        hugging_face(str(tmp_path / "foreign"))
    assert not asked


def test_without_transformers_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("phonoscope.models.huggingface.importlib.import_module", missing)
    with pytest.raises(ModelError, match=r"pip install 'phonoscope\[hf\]'"):
        hugging_face("some/model")
