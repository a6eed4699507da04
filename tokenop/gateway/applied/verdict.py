"""What was found of the files in force, and how it comes from the process that read them to the one that serves.

Reading takes DuckDB and jsonschema, 60 MB of memory that a gateway would never use again. So a process of its own reads
and goes away; a pattern that somebody wrote to take for ever stops that process alone.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, is_dataclass, replace
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from tokenop.errors import Finding
from tokenop.providers.base import Target, Timeouts
from tokenop.providers.model import nothing
from tokenop.routing import model as routing_model
from tokenop.routing.model import Facts, RoutingConfig
from tokenop.routing.predicates import Expression, compiled, tree


@dataclass(frozen=True, slots=True)
class File:
    """A file in force: what it is for (`config`, or its name in a project), where it is, and the hash of its bytes."""

    role: str
    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the files say, or why they cannot be served.

    `config` is None with any of `errors` or a `reason` (a file that cannot be read at all). Its conditions sleep until
    `awake`; `conditions` holds their trees by the name of the rule, `skips` those of the response cache.
    """

    digest: str
    files: tuple[File, ...]
    config: RoutingConfig | None = None
    own: Mapping[str, Any] = field(default_factory=nothing, hash=False)
    errors: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    reason: str = ""
    conditions: Mapping[str, Expression] = field(default_factory=nothing, hash=False)
    skips: tuple[Expression, ...] = ()

    @property
    def refused(self) -> tuple[str, ...]:
        """Return why the files cannot be served, a line each; empty where they can."""
        if self.config is not None:
            return ()
        return tuple(_line(finding) for finding in self.errors) or (_line(self.reason),)

    @property
    def told(self) -> tuple[str, ...]:
        """Return what is doubtful in the files, a line each."""
        return tuple(f"warning: {_line(finding)}" for finding in self.warnings)


def _line(what: object) -> str:
    from tokenop.applying.showing import visible  # only where there is something to say

    return visible(str(what))


def asleep(facts: Facts) -> bool | None:
    """Stand for a condition on its way from one process to another."""
    raise AssertionError(f"a condition was asked before it was compiled: {sorted(facts)}")


def awake(verdict: Verdict) -> RoutingConfig:
    """Return the config of `verdict` with its conditions compiled."""
    assert verdict.config is not None
    rules = tuple(replace(rule, holds=_condition(verdict, rule.name)) for rule in verdict.config.rules)
    return replace(verdict.config, rules=rules)


def _condition(verdict: Verdict, name: str) -> Callable[[Facts], bool | None]:
    found = verdict.conditions.get(name)
    # A rule without a condition is none that a config may hold; were there one, it must not take every call.
    return (lambda facts: None) if found is None else compiled(found)  # noqa: ARG005


def packed(verdict: Verdict) -> bytes:
    """Return `verdict` as bytes."""
    buffer = io.BytesIO()
    _Packer(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(verdict)
    return buffer.getvalue()


def unpacked(data: bytes) -> Verdict:
    """Return the verdict that `packed` wrote.

    Raises:
        ValueError: the bytes say anything else.
    """
    try:
        found = _Unpacker(io.BytesIO(data)).load()
    except Exception as error:
        raise ValueError(f"no verdict: {type(error).__name__}") from error
    if not isinstance(found, Verdict):
        raise ValueError("no verdict")
    return found


def frozen(content: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    """Return a mapping that nobody changes."""
    return MappingProxyType(content)


class _Packer(pickle.Pickler):
    """Packs what a config is made of."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, MappingProxyType):
            return frozen, (dict(obj),)
        return NotImplemented


def _classes() -> dict[tuple[str, str], Any]:
    modules = [value for module in (routing_model, tree) for value in vars(module).values()]
    known: list[Any] = [value for value in modules if isinstance(value, type) and is_dataclass(value)]
    known += [Verdict, File, Finding, Target, Timeouts, Decimal, date, frozen, asleep]
    return {(one.__module__, one.__qualname__): one for one in known}


class _Unpacker(pickle.Unpickler):
    """Builds what a config is made of, and nothing else."""

    known = _classes()

    def find_class(self, module: str, name: str) -> Any:
        found = self.known.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a config")
        return found


def sleeping(config: RoutingConfig) -> RoutingConfig:
    """Return `config` fit to be packed."""
    return replace(config, rules=tuple(replace(rule, holds=asleep) for rule in config.rules))
