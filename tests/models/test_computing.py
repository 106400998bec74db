"""Networks that are called: which layers there are, what they give, and what is said where they do not fit."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from phonoscope.errors import ModelError
from phonoscope.models import computing
from phonoscope.models.adapter import Adapter
from phonoscope.models.resolving import resolve
from phonoscope.settings import ProbeSettings
from planted_models import RATE, asked, clock, clocks, computed, energies, gathered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from phonoscope.corpus.types import Corpus

SAMPLES = asked(["one", "two", "two", "three"], [0.3, 0.1, 0.5, 2.0])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return clocks(tmp_path_factory.mktemp("clocks"), {"one": 1.0, "two": 0.6, "three": 2.5})


class Net(nn.Module):
    """Layers that answer in all the ways there are."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.lstm = nn.LSTM(6, 5, batch_first=True)
        self.named = Named()
        self.drop = nn.Dropout(0.9)
        self.conv = nn.Conv2d(1, 3, (1, 2), padding=0)
        self.pooled = nn.AdaptiveAvgPool1d(1)

    def forward(self, x: Tensor) -> Tensor:
        x, _ = self.lstm(torch.relu(self.first(x)))
        x = self.drop(self.named(x)["x"])
        self.pooled(x.transpose(1, 2))
        found: Tensor = self.conv(x[:, None])
        return found


class Named(nn.Module):
    def forward(self, x: Tensor) -> dict[str, object]:
        return {"note": "", "x": x + 1, "y": x * 0}


def made(**changes: Any) -> Adapter:  # noqa: ANN401
    torch.manual_seed(0)
    settings: dict[str, Any] = {"sample_rate": RATE, "hop": 0.01, "offset": 0.005, "prepare": energies}
    return Adapter(changes.pop("module", None) or Net(), **{**settings, **changes})


def one_layer(function: Callable[[Tensor], Tensor]) -> nn.Module:
    class One(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = Function(function)

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.layer(x)
            return found

    return One()


class Function(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ("lstm", ["lstm"]),
        ("named, first", ["first", "named"]),
        ("*n*d", ["named"]),
        ("f*,conv", ["first", "conv"]),
        ("all", ["first", "lstm", "named", "drop", "conv"]),
        ("", ["first", "lstm", "named", "drop", "conv"]),
    ],
)
def test_layers_are_found_by_name_by_pattern_or_all(corpus: Corpus, layers: str, expected: list[str]) -> None:
    source = computed(made(), layers)
    assert list(source.layers(corpus.utterances)) == expected
    assert len(source.notes) == (1 if layers in ("all", "") else 0), "the layer without frames is told of"


def test_an_adapter_may_name_its_layers(corpus: Corpus) -> None:
    adapter = made(layers=("c*", "lstm"))
    assert list(computed(adapter).layers(corpus.utterances)) == ["lstm", "conv"]
    assert list(computed(adapter, "first").layers(corpus.utterances)) == ["first"]


def test_containers_may_be_asked_for(corpus: Corpus) -> None:
    block = nn.Sequential(nn.Sequential(nn.Linear(4, 3), nn.ReLU()), nn.Linear(3, 2))
    source = computed(made(module=block), "0,all")
    assert list(source.layers(corpus.utterances)) == ["0.0", "0.1", "0", "1"]


def test_the_first_tensor_of_tuples_and_dictionaries_is_taken(corpus: Corpus, tmp_path: Path) -> None:
    adapter = made()
    adapter.module.train()
    found = gathered(computed(adapter), corpus, SAMPLES, tmp_path)
    net = adapter.module.eval()
    assert isinstance(net, Net)
    for row, (utterance, time) in enumerate(SAMPLES.select("utterance", "time").iter_rows()):
        seconds = next(u.duration for u in corpus.utterances if u.id == utterance)
        clock = torch.arange(round(seconds * RATE)) / RATE / 8
        i = max(0, int(np.ceil(round((time - 0.005) / 0.01 - 0.5, 6))))
        with torch.inference_mode():
            x = torch.relu(net.first(energies(clock[None])))
            states, _ = net.lstm(x)
            maps = net.conv((states + 1)[:, None])
        np.testing.assert_allclose(found["lstm"][row], states[0, i].numpy(), atol=1e-6)
        np.testing.assert_allclose(found["named"][row], states[0, i].numpy() + 1, atol=1e-6)
        np.testing.assert_array_equal(found["drop"][row], found["named"][row], "dropout was not off")
        np.testing.assert_allclose(found["conv"][row], maps[0, :, i].flatten().numpy(), atol=1e-6)


def test_maps_can_be_averaged(corpus: Corpus, tmp_path: Path) -> None:
    whole = gathered(computed(made(), "conv,lstm"), corpus, SAMPLES, tmp_path / "whole")
    pooled = gathered(computed(made(), "conv,lstm", pool="mean"), corpus, SAMPLES, tmp_path / "pooled")
    np.testing.assert_allclose(pooled["conv"], whole["conv"].reshape(4, 3, 4).mean(axis=2), atol=1e-6)
    np.testing.assert_array_equal(pooled["lstm"], whole["lstm"])


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_networks_of_other_precision_are_computed_in_float32(corpus: Corpus, tmp_path: Path, kind: torch.dtype) -> None:
    def prepare(samples: Tensor) -> Tensor:
        return energies(samples).to(kind)  # as such a network wants it

    adapter = made(module=Net().to(kind), prepare=prepare)
    source = computed(adapter, "lstm")
    found = gathered(source, corpus, SAMPLES, tmp_path)["lstm"]
    assert "float32" in source.notes[0]
    assert str(kind).removeprefix("torch.") in source.notes[0]
    assert next(adapter.module.parameters()).dtype == kind, "the user's own network was changed"
    assert found.dtype == np.float32
    assert len(np.unique(found)) == found.size


def test_modes_of_modules_are_left_as_they_were(corpus: Corpus, tmp_path: Path) -> None:
    adapter = made()
    adapter.module.train()
    adapter.module.get_submodule("lstm").eval()  # frozen, as some do while they train
    gathered(computed(adapter), corpus, SAMPLES, tmp_path)
    modes = {name: module.training for name, module in adapter.module.named_modules()}
    assert [name for name, training in modes.items() if not training] == ["lstm"]


@pytest.mark.parametrize(("value", "kind"), [(float("nan"), "not a number"), (float("inf"), "infinite")])
def test_what_is_no_number_is_one_error(corpus: Corpus, tmp_path: Path, value: float, kind: str) -> None:
    def broken(x: Tensor) -> Tensor:
        return torch.where(torch.arange(x.shape[1])[None, :, None] == 199, value, x)  # at 2 s, the earlier of two

    message = rf"^layer layer gives an activation that is {kind} in utterance three; leave the one or the other out$"
    with pytest.raises(ModelError, match=message):
        gathered(computed(made(module=one_layer(broken))), corpus, SAMPLES, tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_adapter_that_lies_about_its_hop_is_told_so(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"a frame every 10 ms, and the adapter says every 20 ms.*correct hop"):
        computed(made(hop=0.02)).layers(corpus.utterances)

    def shorter(x: Tensor) -> Tensor:
        return x[:, ::2] if x.shape[1] == 60 else x  # of utterance two only

    with pytest.raises(ModelError, match=r"utterance two: layer layer has 30 frames where 60 were expected") as caught:
        gathered(computed(made(module=one_layer(shorter))), corpus, SAMPLES, tmp_path)
    assert "every -" not in str(caught.value)

    def longer(x: Tensor) -> Tensor:
        return torch.cat([x, x], 1) if x.shape[1] == 60 else x

    with pytest.raises(ModelError, match=r"utterance two: layer layer has 120 frames where 60 were expected") as caught:
        gathered(computed(made(module=one_layer(longer))), corpus, SAMPLES, tmp_path)
    assert "every -" not in str(caught.value)


def test_a_layer_that_changes_its_width_is_told_of(corpus: Corpus, tmp_path: Path) -> None:
    def narrower(x: Tensor) -> Tensor:
        return x[:, :, :1] if x.shape[1] == 60 else x  # one column would be written into all

    with pytest.raises(ModelError, match=r"utterance two.*layer"):
        gathered(computed(made(module=one_layer(narrower))), corpus, SAMPLES, tmp_path)

    def squeezed(x: Tensor) -> Tensor:
        return x[:, :2].squeeze()

    adapter = Adapter(one_layer(squeezed), RATE, 0.01, 0.005, window=80)
    with pytest.raises(ModelError, match=r"utterance one.*layer"):
        gathered(computed(adapter), corpus, SAMPLES, tmp_path)


def test_what_a_network_or_its_preparation_raises_is_one_sentence(corpus: Corpus, tmp_path: Path) -> None:
    def fails(x: Tensor) -> Tensor:
        if x.shape[1] == 60:
            msg = "too short\nand more"
            raise RuntimeError(msg)
        return x

    with pytest.raises(ModelError, match=r"^One fails on utterance two: RuntimeError: too short$"):
        gathered(computed(made(module=one_layer(fails))), corpus, SAMPLES, tmp_path)

    def rejects(_samples: Tensor) -> Tensor:
        msg = "I want 11025 Hz"
        raise ValueError(msg)

    with pytest.raises(ModelError, match=r"^Net fails on noise.*: ValueError: I want 11025 Hz$"):
        computed(made(prepare=rejects)).layers(corpus.utterances)
    with pytest.raises(ModelError, match=r"prepare .*ndarray"):
        computed(made(prepare=lambda samples: energies(samples).numpy())).layers(corpus.utterances)


def test_input_may_be_a_tuple_or_a_dictionary(corpus: Corpus, tmp_path: Path) -> None:
    expected = gathered(computed(made(), "lstm"), corpus, SAMPLES, tmp_path / "tensor")["lstm"]
    for i, prepare in enumerate((lambda s: (energies(s),), lambda s: {"x": energies(s)})):
        found = gathered(computed(made(prepare=prepare), "lstm"), corpus, SAMPLES, tmp_path / str(i))["lstm"]
        np.testing.assert_array_equal(found, expected)


def test_settings_that_contradict_the_adapter_are_refused() -> None:
    wrong: dict[str, Any] = {"sample_rate": 16_000, "frame_rate": 50.0, "offset": 0.25}
    for name, value in wrong.items():
        with pytest.raises(ModelError, match=rf"Net .*--probe\.{name}"):
            computed(made(), **{name: value})
    computed(made(), sample_rate=RATE, frame_rate=100.0, offset=0.005)


def test_a_layer_that_is_not_there_gets_names_near_it(corpus: Corpus) -> None:
    with pytest.raises(ModelError, match=r"Net: no layer is called 'lstn'; there are lstm.*\(6\)"):
        computed(made(), "lstn").layers(corpus.utterances)
    with pytest.raises(ModelError, match=r"no layer is called 'xyz\*'; there are first, lstm"):
        computed(made(), "conv,xyz*").layers(corpus.utterances)
    with pytest.raises(ModelError, match="layer pooled gives 1 × 5 × 1 however long the utterance is"):
        computed(made(), "pooled").layers(corpus.utterances)


def test_layers_called_twice_and_squares_are_left_out(corpus: Corpus) -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.twice = nn.Linear(4, 4), nn.ReLU()
            self.square = Function(lambda x: x @ x.transpose(1, 2))

        def forward(self, x: Tensor) -> Tensor:
            x = self.twice(self.linear(self.twice(x)))
            self.square(x)
            return x

    source = computed(made(module=Odd()))
    assert list(source.layers(corpus.utterances)) == ["linear"]
    assert source.notes == [
        "left out: layer twice is called 2 times for one utterance, and which one is meant is not known, and 1 more"
    ]
    with pytest.raises(ModelError, match=r"layer square .* more than one axis grows"):
        computed(made(module=Odd()), "square").layers(corpus.utterances)


def test_layers_that_are_too_wide_are_refused(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computing, "WIDEST", 10)
    with pytest.raises(ModelError, match=r"conv has 3 × 4 = 12 units, more than 10; .*--probe\.pool mean"):
        computed(made()).layers(corpus.utterances)
    assert list(computed(made(), pool="mean").layers(corpus.utterances))[-1] == "conv"
    assert list(computed(made(), "lstm").layers(corpus.utterances)) == ["lstm"]


def test_utterances_longer_than_the_input_are_named_first(corpus: Corpus, tmp_path: Path) -> None:
    def padded(samples: Tensor) -> Tensor:
        return energies(nn.functional.pad(samples, (0, 2 * RATE - samples.shape[1])))

    with pytest.raises(ModelError, match=r"utterance three lasts 2\.5 s, and Net takes 2 s at the most"):
        computed(made(prepare=padded, fixed=2.0)).layers(corpus.utterances)
    fits = corpus.utterances[:2]
    source = computed(made(prepare=padded, fixed=2.0), "first")
    plain = computed(made(), "first")
    assert source.layers(fits) == plain.layers(fits)
    found = gathered(source, type(corpus)("c", fits, ("a",)), SAMPLES[:3], tmp_path / "fixed")
    expected = gathered(plain, corpus, SAMPLES[:3], tmp_path / "plain")
    np.testing.assert_allclose(found["first"], expected["first"], atol=1e-6)


def test_an_adapter_of_something_else_is_refused() -> None:
    with pytest.raises(ModelError, match=r"has to be a torch\.nn\.Module, not str"):
        Adapter("net", RATE, 0.01, 0.0)  # type: ignore[arg-type]
    for changes in ({"sample_rate": 0}, {"hop": 0.0}, {"hop": float("nan")}, {"window": -1}, {"fixed": -1.0}):
        with pytest.raises(ModelError, match=next(iter(changes))):
            made(**changes)
    with pytest.raises(ModelError, match="hop = -1"):
        made(timing={"x": (-1.0, 0.0)})


def test_weights_and_adapters_are_told_apart() -> None:
    first = computed(made()).about
    assert computed(made()).about == first
    for changes in ({"module": Net()}, {"hop": 0.02}, {"offset": 0.0}, {"timing": {"l*": (0.02, 0.0)}}):
        torch.manual_seed(1)
        assert computed(made(**changes)).about != first


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """Writes a package into the current folder and returns its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    names: list[str] = []

    def write(text: str) -> str:
        name = f"planted_{len(names)}_package"
        (tmp_path / f"{name}.py").write_text(text)
        names.append(name)
        return name

    yield write
    for name in names:
        sys.modules.pop(name, None)


FACTORIES = """
import torch
from phonoscope import Adapter
class Holder:
    make = staticmethod(lambda: Adapter(torch.nn.Linear(1, 1), 8000, 0.01, 0.0))
def raises(): raise KeyError("weights")
def number(): return 3
def wrong(): return Adapter(torch.nn.Linear(1, 1), 8000, -1, 0.0)
"""


def test_factories_are_called_and_their_failures_told(package: Callable[[str], str]) -> None:
    settings, name = ProbeSettings(), package(FACTORIES)
    assert resolve(f"{name}:Holder.make", settings).title == "Linear"
    failing = package("import no_such_package_at_all")
    broken = package("1 / 0")
    for model, message in {
        f"{name}:nothing": f"{name} has no function nothing",
        f"{name}:raises": f"{name}:raises fails: KeyError: 'weights'",
        f"{name}:number": f"{name}:number returns a int; it has to return a phonoscope.Adapter",
        f"{name}:wrong": "the adapter of Linear: hop = -1",
        "no_such_package_at_all:net": "no_such_package_at_all can not be imported",
        f"{failing}:net": "No module named 'no_such_package_at_all'",
        f"{broken}:net": f"{broken} fails when it is imported: ZeroDivisionError: division by zero",
        "no such/model!": "there is no such file or folder",
        f"{name}.py": "this file is no model",
    }.items():
        with pytest.raises(ModelError) as caught:
            resolve(model, settings)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_network_without_an_adapter_needs_its_rates(corpus: Corpus, tmp_path: Path) -> None:
    net = clock(1, 80, 0).module
    with pytest.raises(ModelError, match=r"Clock is a network without an adapter: .*--probe\.sample_rate"):
        resolve(net, ProbeSettings())
    settings = ProbeSettings(sample_rate=RATE, frame_rate=100, offset=0.0, layers="conv")
    found = gathered(resolve(net, settings), corpus, SAMPLES, tmp_path)
    np.testing.assert_allclose(found["conv"][:, 0] * 8, SAMPLES["time"].to_numpy(), atol=1e-5)
