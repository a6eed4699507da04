"""Templates and projects for the tests of applying."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from tokenop.catalogue.model import Claim, Implementation, Interval, Parameter, Patch, Quality, Risk, Template

DAY = date(2026, 1, 1)
ZERO = Decimal(0)


def template(
    name: str,
    *patches: tuple[str, str, str],
    requires: tuple[str, ...] = (),
    conflicts: tuple[str, ...] = (),
    parameters: tuple[Parameter, ...] = (),
    kind: str = "router-config",
    **others: Any,
) -> Template:
    """Return a template with patches of (target, merge, content)."""
    return Template(
        id=name, title=name, layer="application-layer", category="caching", version=others.pop("version", "1.0.0"),
        status="proposed", authors=("a",), created=DAY, verified_on=DAY, stale_after=DAY, supersedes=(),
        applies_when="true", levers=(), claim=Claim("sample-month", Interval(ZERO, ZERO, ZERO)),
        implementation=Implementation(ZERO, ZERO, ZERO), quality=Quality(ZERO, ()), risk=Risk("low", "x", 1),
        requires=requires, conflicts=conflicts,
        patches=tuple(Patch(target, kind, merge, text) for target, merge, text in patches),
        body="", path=Path(f"{name}.md"), sha256=others.pop("sha256", "0" * 64), parameters=parameters,
    )  # fmt: skip


def tree(folder: Path) -> dict[str, tuple[bytes, int] | None]:
    """Return every file of a folder with bytes and mode, and every folder as None."""
    return {
        path.relative_to(folder).as_posix(): None if path.is_dir() else (path.read_bytes(), path.stat().st_mode)
        for path in sorted(folder.rglob("*"))
    }
