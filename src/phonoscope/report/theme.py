"""The colours and signs of every figure, for light and for dark paper."""

from __future__ import annotations

from typing import Final

# Okabe and Ito's colours, which colour-blind eyes tell apart, a little lighter on dark paper; signs and dashes say the
# same without colour.
LIGHT: Final = {
    "paper": "#ffffff",
    "panel": "#f6f7f9",
    "ink": "#1c2128",
    "soft": "#59636e",
    "line": "#c9d1d9",
    "grid": "#e7eaee",
    "accent": "#0b62a8",
    "heat": "#0b4f8a",
    "warm": "#a63d00",
    "c0": "#0072b2",
    "c1": "#d55e00",
    "c2": "#009e73",
    "c3": "#b0558a",
    "c4": "#c98b00",
    "c5": "#4a9fd0",
    "c6": "#3d434a",
    "c7": "#7a5cc0",
}
DARK: Final = {
    "paper": "#14171c",
    "panel": "#1d2128",
    "ink": "#e8ebef",
    "soft": "#a3adb8",
    "line": "#444c56",
    "grid": "#2b3139",
    "accent": "#6cb6ff",
    "heat": "#74bdf5",
    "warm": "#ff9b63",
    "c0": "#4aa8e0",
    "c1": "#f08c4a",
    "c2": "#38c79c",
    "c3": "#e091bd",
    "c4": "#ecb93e",
    "c5": "#8fd0f5",
    "c6": "#c5ccd4",
    "c7": "#b39df0",
}

# what every figure is styled with, on the page and in a file of its own
FIGURE_CSS: Final = """
svg.chart { font-family: "Charis SIL", "Noto Sans", "DejaVu Sans", "Segoe UI", Helvetica, Arial, sans-serif; }
svg.chart text { fill: var(--ink); font-size: 12px; }
svg.chart .soft { fill: var(--soft); }
svg.chart .small { font-size: 10.5px; }
svg.chart .title { font-size: 13px; font-weight: 600; }
svg.chart .axis { stroke: var(--line); fill: none; stroke-width: 1; }
svg.chart .grid { stroke: var(--grid); fill: none; stroke-width: 1; }
svg.chart .curve { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg.chart .heat { fill: var(--heat); }
svg.chart .inverse { fill: var(--paper); }
svg.chart .frame { fill: none; stroke: var(--line); }
"""


def css_variables(colours: dict[str, str]) -> str:
    """Return the colours as CSS custom properties."""
    return " ".join(f"--{name}: {value};" for name, value in colours.items())


def resolved(text: str, colours: dict[str, str]) -> str:
    """Put the colours themselves in the place of ``var(--name)``: programs that draw SVG files know no variables."""
    for name, value in colours.items():
        text = text.replace(f"var(--{name})", value)
    return text
