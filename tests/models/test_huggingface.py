"""Hugging Face's speech models, tiny and random: what they are given, which layers there are, and when frames are."""

from __future__ import annotations

import importlib
import json
import os
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
import torch

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
        hidden = model(**given, output_hidden_states=True).hidden_states
    blocks = [name for name in found if name.rsplit(".", 1)[-1].isdecimal()]
    assert len(blocks) == 2
    assert len(found) == (2 if kind == "whisper" else 3)
    layer, frames = found[blocks[0]]
    assert layer.units == 16
    np.testing.assert_allclose(frames, hidden[1][0].numpy(), atol=1e-5)


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


def test_without_transformers_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("phonoscope.models.huggingface.importlib.import_module", missing)
    with pytest.raises(ModelError, match=r"pip install 'phonoscope\[hf\]'"):
        hugging_face("some/model")
