"""What the report says of a network that was probed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from phonoscope.settings import Settings


def short_model(about: Mapping[str, Any]) -> str:
    """Return what a model is called, without the folders that it lies in."""
    return "/".join(_parts(str(about.get("model", "a recogniser")))[-1:])


def short_models(names: Sequence[str]) -> list[str]:
    """Return what models are called, each with as many of the folders that it lies in as tell it from the others."""
    found = []
    for name in names:
        parts, others = _parts(name), [_parts(other) for other in names if other != name]
        n = 1
        while n < len(parts) and any(other[-n:] == parts[-n:] for other in others):
            n += 1
        found.append("/".join(parts[-n:]))
    return found


def _parts(name: str) -> list[str]:
    """Part the path of a model; a name that is no path, such as one on a hub, is a single part."""
    lies = name.startswith("/") or name[1:3] in (":\\", ":/")
    return name.replace("\\", "/").rstrip("/").split("/") if lies else [name]


def probed_words(settings: Settings, about: Mapping[str, Any], times: Mapping[str, Mapping[str, float]]) -> str:
    """Say which model was probed, and how its frames were found; for the methods paragraph.

    Parameters
    ----------
    settings
        Of the run.
    about
        The ``[run]`` table of its `config.toml`.
    times
        Each layer's hop and offset; empty for a recogniser of phonoscope's own.
    """
    what = f"The network is {short_model(about)!r}"
    kind = f", a {about['model_class']}" if about.get("model_class") else ""
    size = f" of {about['model_parameters']:,} parameters" if about.get("model_parameters") else ""
    weights = f" (fingerprint of the weights {about['weights']})" if about.get("weights") else ""
    said = [f"{what}{kind}{size}{weights}; nothing of it was trained for this analysis."]
    if about.get("model_sample_rate"):
        said.append(f"It was given audio of {about['model_sample_rate']} Hz, one utterance at a time, in float32.")
    if times:
        rates: dict[tuple[float, float], list[str]] = {}
        for name, at in times.items():
            rates.setdefault((at["hop"], at["offset"]), []).append(name)
        listed = "; ".join(
            f"{', '.join(names)}: every {1000 * hop:.6g} ms, the first at {1000 * offset:.6g} ms"
            for (hop, offset), names in rates.items()
        )
        frames = (
            "the frames whose centres lie within its segment (their mean)"
            if settings.probing.frame == "mean"
            else "the frame whose receptive field is centred nearest to its moment"
        )
        said.append(f"Of each layer a sample is {frames} ({listed}).")
    if settings.probe.pool == "mean":
        said.append("Of frames with several axes the first was kept, and the mean taken over the others.")
    return " ".join(said)
