"""From an Altair chart to SVG that sits in a page: no script, light and dark, any width, the same bytes each time."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

from tokenop.planning.text import visible
from tokenop.reports.palette import LIGHT

if TYPE_CHECKING:
    import altair

_CLASSES = {value: name for name, value in LIGHT.items()}
_KEPT = {
    "d", "transform", "x", "y", "x1", "x2", "y1", "y2", "width", "height", "viewBox", "fill", "stroke", "class",
    "stroke-width", "stroke-dasharray", "stroke-linecap", "opacity", "fill-opacity", "font-size", "font-weight",
    "text-anchor", "role", "aria-label",
}  # fmt: skip
_POSITIONS = {"d", "transform", "x", "y", "x1", "x2", "y1", "y2", "width", "height"}
_LONG = re.compile(r"-?\d+\.\d{3,}(?:e-?\d+)?|-?\d+(?:\.\d+)?e-\d+")
_IDLE = {("opacity", "1"), ("stroke-width", "1"), ("transform", "translate(0,0)"), ("transform", "translate(0.5,0.5)")}


def render(chart: altair.TopLevelMixin, label: str) -> str:
    """Return `chart` as an `<svg>` element that says `label` to who cannot see it.

    Colours become classes (`f-ink` fills, `k-ink` strokes) that the page's style sheet defines for light and dark;
    the light colour stays as attribute for viewers without style sheets. Fonts are the page's.
    """
    import vl_convert

    drawn: str = vl_convert.vegalite_to_svg(_printable(chart.to_dict()))
    root = ET.fromstring(drawn)  # noqa: S314 our own drawing, not somebody's file
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        _clean(element)
    _drop_invisible(root)
    root.attrib.pop("width", None)
    root.attrib.pop("height", None)
    root.set("role", "img")
    root.set("aria-label", label)
    root.set("class", "chart")
    return ET.tostring(root, encoding="unicode")


def _printable(value: Any) -> Any:
    """Return a declaration without control characters: SVG cannot hold them, and the converter aborts on one."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {_printable(key): _printable(item) for key, item in value.items()}
    return [_printable(item) for item in value] if isinstance(value, list) else value


def _clean(element: ET.Element) -> None:
    classes = []
    for name, prefix in (("fill", "f"), ("stroke", "k")):
        colour = element.get(name)
        if colour in _CLASSES:
            classes.append(f"{prefix}-{_CLASSES[colour]}")
    for name in [name for name, value in element.attrib.items() if name not in _KEPT or (name, value) in _IDLE]:
        del element.attrib[name]
    element.attrib.pop("role", None)
    element.attrib.pop("aria-label", None)
    element.attrib.pop("class", None)
    for name in _POSITIONS & element.attrib.keys():
        element.attrib[name] = _LONG.sub(lambda number: f"{float(number[0]):.2f}", element.attrib[name])
    if classes:
        element.set("class", " ".join(classes))


def _drop_invisible(element: ET.Element) -> None:
    """Remove what draws nothing: the converter's white ground, empty paths and empty groups."""
    for child in list(element):
        _drop_invisible(child)
        ground = child.tag == "rect" and child.get("fill") == "white"
        blank = child.tag == "path" and not (child.get("fill") or child.get("stroke"))
        if ground or blank or (child.tag in ("g", "defs") and not len(child)):
            element.remove(child)


def theme(width: float, height: float, **padding: float) -> dict[str, Any]:
    """Return the properties that all charts share: a fixed size, so that no machine's fonts move anything."""
    return {
        "width": width,
        "height": height,
        "autosize": "none",
        "padding": {"left": 0, "right": 0, "top": 0, "bottom": 0, **padding},
    }
