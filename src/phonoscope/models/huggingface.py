"""Speech models of Hugging Face's transformers: what they want to be given, and when their frames are."""

from __future__ import annotations

import importlib
import os
from contextlib import contextmanager, nullcontext
from itertools import accumulate
from operator import mul
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from phonoscope.errors import ModelError
from phonoscope.models.adapter import Adapter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor

_CONVOLUTIONAL = ("wav2vec2", "hubert", "wavlm", "data2vec-audio")
_KINDS = (*_CONVOLUTIONAL, "whisper", "wav2vec2-bert")
# weights that only training or another head needs: a checkpoint may be without them
_UNUSED = ("masked_spec_embed", "adapter", "decoder", "proj_out")
_WHISPER_HOP, _FBANK_HOP, _FBANK_WINDOW = 160, 160, 400
_RATE = 16_000
_EXTRACTORS = {"whisper": "WhisperFeatureExtractor", "wav2vec2-bert": "SeamlessM4TFeatureExtractor"}
_LONGEST_REASON = 160


def hugging_face(name: str, *, download: bool = False) -> Adapter:
    """Load a speech model: wav2vec 2.0, HuBERT, WavLM, data2vec, Whisper (its encoder) or Wav2Vec2-BERT.

    Parameters
    ----------
    name
        A folder, or a name on the hub.
    download
        Whether a name is looked for on the hub; else only among what was downloaded before.

    Raises
    ------
    ModelError
        transformers is not installed, there is no such model, it is of another kind, its weights are not whole, or
        nothing says how its input is made.
    """
    try:
        library: Any = importlib.import_module("transformers")
    except ImportError:
        msg = f"{name}: Hugging Face models need the package transformers: pip install 'phonoscope[hf]'"
        raise ModelError(msg) from None
    library.logging.set_verbosity_error()
    library.logging.disable_progress_bar()
    # else a thread asks the hub to convert weights that are no safetensors
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")
    offline = Path(name).is_dir() or not download
    # if trust_remote_code is not said, it asks on the terminal
    how: dict[str, Any] = {"trust_remote_code": False, "local_files_only": offline}
    with _offline() if offline else nullcontext():
        config = _config(library, name, how)
        kind = str(config.model_type)
        if kind not in _KINDS:
            msg = f"{name}: this is a model of the kind {kind!r}; those that can be probed are {', '.join(_KINDS)}"
            raise ModelError(msg)
        module = _module(library, name, config, how)
        # an adapter after the last block gives frames at another rate, and is no layer of the encoder
        module.adapter = None
        extractor = _extractor(library, name, kind, how)
    title = Path(name).name
    if kind == "whisper":
        return _whisper(module, extractor, title)
    if kind == "wav2vec2-bert":
        return _bert(module, extractor, title)
    return _convolutional(module, extractor, title)


@contextmanager
def _offline() -> Iterator[None]:
    """Keep the library from the network.

    With ``local_files_only`` alone it reads models from the disk, but may ask the hub for other things, such as a list
    of programs that could have called it.
    """
    constants: Any = importlib.import_module("huggingface_hub.constants")
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _config(library: Any, name: str, how: dict[str, Any]) -> Any:  # noqa: ANN401
    try:
        config = library.AutoConfig.from_pretrained(name, **how)
    except Exception as error:  # a damaged file fails in as many ways as there are readers
        raise _unreadable(name, error, how) from error
    for key in ("_attn_implementation", "_experts_implementation"):
        kernel = getattr(config, key, None)
        if kernel is not None and "/" in str(kernel):
            msg = f"{name}: its config.json asks for a program from the hub ({str(kernel)[:60]}); take that entry out"
            raise ModelError(msg)
    return config


def _module(library: Any, name: str, config: Any, how: dict[str, Any]) -> Any:  # noqa: ANN401
    try:
        loaded, about = library.AutoModel.from_pretrained(
            name, config=config, output_loading_info=True, weights_only=True, **how
        )
    except Exception as error:
        raise _unreadable(name, error, how) from error
    missing = sorted(key for key in about["missing_keys"] if not any(part in key for part in _UNUSED))
    if missing:  # it would be random numbers, and nobody would see it
        msg = f"{name}: the weights are not whole, there is no {missing[0]} ({len(missing)} missing); load it anew"
        raise ModelError(msg)
    return loaded.get_encoder() if config.model_type == "whisper" else loaded


def _extractor(library: Any, name: str, kind: str, how: dict[str, Any]) -> Any:  # noqa: ANN401
    """Return the model's feature extractor.

    Without it nothing is supposed: some models of a kind want normalised audio and others do not, and activations of
    the wrong input look like any others.
    """
    wanted = _EXTRACTORS.get(kind, "Wav2Vec2FeatureExtractor")
    advice = "save the model's own feature extractor (preprocessor_config.json) into its folder"
    try:
        found = library.AutoFeatureExtractor.from_pretrained(name, **how)
    except Exception as error:
        msg = f"{name}: nothing that can be read says how the model's input is made ({_reason(error)}); {advice}"
        raise ModelError(msg) from error
    if type(found).__name__ != wanted:
        msg = f"{name}: its feature extractor is a {type(found).__name__}, and {kind} has a {wanted}; {advice}"
        raise ModelError(msg)
    rate: object = found.sampling_rate
    if not (isinstance(rate, int) and rate > 0):
        msg = f"{name}: its feature extractor's sampling_rate is {rate!r}, not a number of Hz; {advice}"
        raise ModelError(msg)
    return found


def _unreadable(name: str, error: Exception, how: dict[str, Any]) -> ModelError:
    if not Path(name).exists() and how["local_files_only"]:
        return ModelError(
            f"{name}: there is no such folder, and no model of this name was downloaded before; give --download to "
            f"fetch it from the Hugging Face hub, or name the folder that save_pretrained wrote"
        )
    where = "there is no model that can be read" if Path(name).exists() else "there is no such model here or on the hub"
    return ModelError(f"{name}: {where} ({_reason(error)}); name the folder that save_pretrained wrote")


def _reason(error: Exception) -> str:
    """Return what an error of the library says, as a part of a sentence."""
    said = " ".join(str(error).split())
    if type(error).__name__ in {"UnpicklingError", "EOFError"}:  # PyTorch's advice is to run what the file holds
        said = "its weights are cut off, or no file of PyTorch's"
    elif "ignore_mismatched_sizes" in said:
        said = "its weights have other shapes than its config.json says"
    said = (said or type(error).__name__).rstrip(".:")
    return said if len(said) <= _LONGEST_REASON else said[:_LONGEST_REASON].rsplit(" ", 1)[0] + " …"


def frame_times(kernels: Sequence[int], strides: Sequence[int], rate: int) -> list[tuple[float, float]]:
    """Return for each of a stack of convolutions without padding the hop and the centre of frame 0, in seconds.

    Layer i has a hop of ``h_i = s_1 … s_i`` samples, and a receptive field that begins at the first sample and spans
    ``1 + sum_j (k_j - 1) h_(j-1)`` of them.
    """
    hops = list(accumulate(strides, mul))
    before = [1, *hops[:-1]]
    reach = accumulate((kernel - 1) * hop for kernel, hop in zip(kernels, before, strict=True))
    return [(hop / rate, wide / 2 / rate) for hop, wide in zip(hops, reach, strict=True)]


def _convolutional(module: Any, extractor: Any, title: str) -> Adapter:  # noqa: ANN401
    config, rate = module.config, int(extractor.sampling_rate)
    times = frame_times(config.conv_kernel, config.conv_stride, rate)
    timing = {}
    for i, one in enumerate(times):
        timing[f"feature_extractor.conv_layers.{i}"] = one
        timing[f"feature_extractor.conv_layers.{i}.*"] = one
    prepare = _normalised if extractor.do_normalize else None
    layers = ("feature_extractor", *(f"encoder.layers.{i}" for i in range(config.num_hidden_layers)))
    hop, offset = times[-1]
    return Adapter(module, rate, hop, offset, prepare=prepare, layers=layers, timing=timing, name=title)


def _normalised(samples: Tensor) -> Tensor:
    """Bring each utterance to mean 0 and variance 1, as the feature extractor does."""
    centred = samples - samples.mean(dim=1, keepdim=True)
    return centred / (centred.square().mean(dim=1, keepdim=True) + 1e-7).sqrt()


def _whisper(module: Any, extractor: Any, title: str) -> Adapter:  # noqa: ANN401
    config, rate = module.config, int(extractor.sampling_rate)
    # frames of the spectrogram are centred at whole hops; the second convolution takes every other one
    hop = extractor.hop_length / rate
    longest = 2 * config.max_source_positions * extractor.hop_length
    prepare = _extracted(extractor, padding="max_length", max_length=longest)
    # the front end is taken before its last GELU, which is no module
    layers = ("conv2", *(f"layers.{i}" for i in range(config.encoder_layers)))
    return Adapter(
        module, rate, 2 * hop, 0.0, prepare=prepare, layers=layers, timing={"conv1": (hop, 0.0)}, fixed=longest / rate,
        name=title,
    )  # fmt: skip


def _bert(module: Any, extractor: Any, title: str) -> Adapter:  # noqa: ANN401
    rate, stride = int(extractor.sampling_rate), int(extractor.stride)
    hop = _FBANK_HOP / _RATE
    # `stride` frames of the filterbank, the first window beginning with the audio, are one frame of the network
    offset = _FBANK_WINDOW / 2 / _RATE + (stride - 1) * hop / 2
    layers = ("feature_projection", *(f"encoder.layers.{i}" for i in range(module.config.num_hidden_layers)))
    return Adapter(module, rate, stride * hop, offset, prepare=_extracted(extractor), layers=layers, name=title)


def _extracted(extractor: Any, **options: Any) -> Callable[[Tensor], dict[str, Tensor]]:  # noqa: ANN401
    """Return what makes a model's input of an utterance by its own feature extractor."""

    def prepare(samples: Tensor) -> dict[str, Tensor]:
        found = extractor(samples[0].numpy(), sampling_rate=extractor.sampling_rate, return_tensors="pt", **options)
        return {name: torch.as_tensor(value) for name, value in found.items()}

    return prepare
