"""The colours, each with its light and its dark value. Charts draw with the light one; the page swaps it by class."""

from __future__ import annotations

LIGHT: dict[str, str] = {
    "page": "#faf9f6",
    "card": "#ffffff",
    "ink": "#1d2126",
    "muted": "#646a73",
    "rule": "#e3e1db",
    "spend": "#3b5166",
    "saved": "#2b8a6c",
    "added": "#c0512a",
    "warn": "#8a5a00",
    "warn-page": "#fff4d9",
    "s1": "#31608f",
    "s2": "#7ba6cd",
    "s3": "#85649a",
    "s4": "#c4a9d1",
    "s5": "#b18a34",
    "s6": "#e2cb8f",
    "others": "#b6b3aa",
}
DARK: dict[str, str] = {
    "page": "#131519",
    "card": "#1a1d22",
    "ink": "#e9e7e2",
    "muted": "#a0a6af",
    "rule": "#2f333b",
    "spend": "#92a9c0",
    "saved": "#4fbf99",
    "added": "#f0865c",
    "warn": "#f2c667",
    "warn-page": "#332a12",
    "s1": "#79aee0",
    "s2": "#3f6a94",
    "s3": "#bb98d1",
    "s4": "#75578a",
    "s5": "#dfb85f",
    "s6": "#8d7536",
    "others": "#5b616b",
}
SERIES = ("s1", "s2", "s3", "s4", "s5", "s6", "others")


def series_colour(place: int) -> str:
    """Return the palette name of the series at `place`; past the sixth all share the colour of the rest."""
    return SERIES[min(place, len(SERIES) - 1)]


def variables() -> str:
    """Return the CSS that defines the colours as variables, light by default, dark where the reader prefers it."""
    light = "".join(f"--{name}:{value};" for name, value in LIGHT.items())
    dark = "".join(f"--{name}:{value};" for name, value in DARK.items())
    painted = "".join(f".f-{name}{{fill:var(--{name})}}.k-{name}{{stroke:var(--{name})}}" for name in LIGHT)
    swatches = "".join(f".b-{name}{{background:var(--{name})}}" for name in LIGHT)
    return (
        f":root{{color-scheme:light dark;{light}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
        f"@media print{{:root{{color-scheme:light;{light}}}}}"
        f"{painted}{swatches}"
    )
