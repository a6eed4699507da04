"""The lever table of templates/README.md: `python -m tokenop.catalogue.reference` writes it from the specifications."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tokenop import files, settings
from tokenop.catalogue.levers import SPECS, OptionSpec, ParameterSpec
from tokenop.errors import InputError

BEGIN = "<!-- levers:begin (written by `python -m tokenop.catalogue.reference`, checked by a test) -->"
END = "<!-- levers:end -->"


def table() -> str:
    """Return the lever kinds with their parameters and options as markdown."""
    parts = []
    for spec in SPECS.values():
        lines = [f"**`{spec.kind}`**: {spec.summary}", "", "| name | value | meaning |", "|---|---|---|"]
        lines += [f"| `{p.name}` | range, {_bounds(p)}{_only(p)} | {p.description} |" for p in spec.parameters]
        lines += [f"| `options.{o.name}` | {_value(o)}{_only(o)} | {o.description} |" for o in spec.options]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def updated(text: str) -> str:
    """Return the README's `text` with the table between its marks brought up to date.

    Raises:
        InputError: the marks are missing.
    """
    if BEGIN not in text or END not in text:
        raise InputError("templates/README.md: the marks levers:begin and levers:end are missing")
    before, rest = text.split(BEGIN, 1)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.split(END, 1)[1]}"


def _bounds(spec: ParameterSpec) -> str:
    return " and ".join(_limits(spec.above, spec.minimum, spec.maximum)) or "any number"


def _limits(above: object, minimum: object, maximum: object) -> Iterator[str]:
    if above is not None:
        yield f"above {above}"
    if minimum is not None and maximum is not None:
        yield f"{minimum} to {maximum}"
    elif minimum is not None:
        yield f"{minimum} or more"
    elif maximum is not None:
        yield f"at most {maximum}"


def _only(spec: ParameterSpec | OptionSpec) -> str:
    optional = ", optional" if isinstance(spec, ParameterSpec) and not spec.required else ""
    return optional + (f", with `{spec.only[0]}: {spec.only[1]}`" if spec.only else "")


def _value(spec: OptionSpec) -> str:
    kind = {
        "choice": " or ".join(f"`{choice}`" for choice in spec.choices),
        "target": "`{provider, model}`",
        "boolean": "true or false",
        "integer": "whole number",
        "number": "number",
    }[spec.type]
    default = f", default {str(spec.default).lower()}" if spec.default is not None else ""
    return f"{kind}{', required' if spec.required else default}"


def main() -> None:
    """Bring templates/README.md of this checkout up to date."""
    readme: Path = settings.content("templates") / "README.md"
    files.write_text(readme, updated(readme.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
