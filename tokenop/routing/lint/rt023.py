"""RT023: no provider is the local runner itself."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from tokenop.errors import Finding
from tokenop.routing.lint.model import Checked, Level, LintRule

RUNNER_PORT = 18789


def _check(checked: Checked) -> Iterator[tuple[Level, Finding]]:
    for field, target in checked.mentions:
        address = urlsplit(target.base_url or "")
        if address.hostname in ("localhost", "127.0.0.1", "::1") and _port(address.netloc) == RUNNER_PORT:
            message = f"{target.base_url} is the local runner: a call would come back to it without end"
            where = field.removesuffix(".model") if field.startswith("rules.") else f"providers.{target.name}"
            yield checked.found("RT023", where, message, "name the address of the model's server")


def _port(netloc: str) -> int | None:
    port = netloc.rpartition(":")[2]
    return int(port) if port.isdigit() else None


RULE = LintRule(
    "RT023",
    "error",
    what="No provider is the local runner itself.",
    why="Each call would come back as a new one.",
    check=_check,
)
