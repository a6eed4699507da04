"""The community's dashboard: one file that loads nothing and runs nothing, light and dark, on a phone as well."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenop.planning.text import visible
from tokenop.reports.palette import variables

_FOLDER = Path(__file__).parent
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render(content: Mapping[str, Any]) -> str:
    """Return the page of what `community.dashboard.content` gives. The same content gives the same bytes."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    css = variables() + "".join((_FOLDER / name).read_text(encoding="utf-8") for name in ("style.css", "community.css"))
    page = environment.get_template("community.html")
    # The style sheet is ours; everything else is escaped.
    return page.render({**content, "policy": POLICY, "css": Markup(css)}).lstrip()  # noqa: S704
