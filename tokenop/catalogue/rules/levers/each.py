"""The levers of a template as the rules go through them: each with its path and what its kind allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.levers import SPECS, LeverSpec, OptionSpec, ParameterSpec

Spec = ParameterSpec | OptionSpec


def levers(draft: Draft) -> Iterator[tuple[str, LeverSpec]]:
    """Yield path and specification of each lever whose kind is known."""
    listed = draft.reach("economics.levers")
    for index, lever in enumerate(listed if isinstance(listed, list) else []):
        path = f"economics.levers[{index}]"
        kind = draft.get(f"{path}.kind")
        if isinstance(lever, Mapping) and kind in SPECS:
            yield path, SPECS[kind]


def parameters(draft: Draft, path: str, spec: LeverSpec) -> tuple[tuple[ParameterSpec, ...], Mapping[str, Any] | None]:
    """Return the parameters that belong to the lever at `path`, and those given; None where that is no mapping."""
    given = draft.reach(f"{path}.parameters")
    return spec.parameters_with(options(draft, path, spec)[1]), given if isinstance(given, Mapping) else None


def options(draft: Draft, path: str, spec: LeverSpec) -> tuple[tuple[OptionSpec, ...], Mapping[str, Any]]:
    """Return the options that belong to the lever at `path`, and those given."""
    lever = draft.document.value(path)
    given = draft.reach(f"{path}.options") if isinstance(lever, Mapping) and "options" in lever else {}
    known = given if isinstance(given, Mapping) else {}
    return spec.options_with(known), known


def groups(draft: Draft) -> Iterator[tuple[str, LeverSpec, str, tuple[Spec, ...], Mapping[str, Any]]]:
    """Yield each lever's parameters, then its options: path, lever, what they are, those that fit, those given."""
    for lever, spec in levers(draft):
        known, given = parameters(draft, lever, spec)
        if given is not None:
            yield f"{lever}.parameters", spec, "parameter", known, given
        choices, chosen = options(draft, lever, spec)
        yield f"{lever}.options", spec, "option", choices, chosen
