"""What the report says of a network that was probed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from phonoscope.settings import Settings


def short_model(about: Mapping[str, Any]) -> str:
    """Return what a model is called, without the folders that it lies in."""
    name = str(about.get("model", "a recogniser"))
    lies = name.startswith("/") or name[1:3] in (":\\", ":/")
    return name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] if lies else name


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
