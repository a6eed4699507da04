"""Finding what a resource refers to: by the ids in a state, by the references in a plan's configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tokenop.inventory.attributes import Values
from tokenop.inventory.formats import Contents, Instance

DEEPEST_REFERENCE = 8
_IDENTITIES = ("id", "arn", "name", "self_link", "self_link_unique")
_REGION = re.compile(r"[a-z]{2,14}(-[a-z]{2,14}){1,2}-?\d{1,2}")

Scope = tuple[str, ...]


class World:
    """All resources of one file, and its configuration where it is a plan."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents

    @cached_property
    def _by_identity(self) -> dict[tuple[str, str], list[Instance]]:
        found: dict[tuple[str, str], list[Instance]] = {}
        for instance in self.contents.instances:
            for name in _IDENTITIES:
                value = instance.values.text(name)
                if value:
                    found.setdefault((instance.type, value), []).append(instance)
        return found

    @cached_property
    def by_type(self) -> dict[str, list[Instance]]:
        """Return the instances of each type."""
        found: dict[str, list[Instance]] = {}
        for instance in self.contents.instances:
            found.setdefault(instance.type, []).append(instance)
        return found

    def identified(self, kind: str, value: str | None) -> Instance | None:
        """Return the one instance of type `kind` whose id, ARN, name or link is `value`."""
        if not value:
            return None
        found = {id(instance): instance for instance in self._by_identity.get((kind, value), ())}
        return next(iter(found.values())) if len(found) == 1 else None

    def expression(self, instance: Instance, path: str) -> Any:
        """Return what the configuration says at `path` of a resource; None where it says nothing, or is absent."""
        here: Any = (self._configured(instance) or {}).get("expressions")
        for step in re.findall(r"[^.\[\]]+", path):
            if isinstance(here, list) and here and not step.isdigit():
                here = here[0]
            if isinstance(here, dict):
                here = here.get(step)
            elif isinstance(here, list) and step.isdigit() and int(step) < len(here):
                here = here[int(step)]
            else:
                return None
        return here

    def is_configured(self, instance: Instance, path: str) -> bool | None:
        """Return whether the sources set `path`; None where there is no configuration to tell."""
        if self._configured(instance) is None:
            return None
        return self.expression(instance, path) is not None

    def _configured(self, instance: Instance) -> dict[str, Any] | None:
        module = self._module(_scope(instance.module))
        resources = module.get("resources") if module else None
        for resource in resources if isinstance(resources, list) else ():
            if isinstance(resource, dict) and (resource.get("type"), resource.get("name")) == (
                instance.type,
                instance.name,
            ):
                return resource
        return None

    def _module(self, scope: Scope) -> dict[str, Any] | None:
        here: Any = self.contents.configuration.get("root_module")
        for name in scope:
            calls = here.get("module_calls") if isinstance(here, dict) else None
            call = calls.get(name) if isinstance(calls, dict) else None
            here = call.get("module") if isinstance(call, dict) else None
        return here if isinstance(here, dict) else None

    def referred(self, instance: Instance, path: str, kinds: tuple[str, ...]) -> Instance | None:
        """Return the instance of one of the types `kinds` that `path` of a resource refers to."""
        value = instance.values.text(path)
        for kind in kinds:
            if found := self.identified(kind, value):
                return found
        scope = _scope(instance.module)
        for place, kind, name in self._resolved(self.expression(instance, path), scope, 0):
            if kind in kinds and (found := self._instance(instance, place, kind, name)):
                return found
        return None

    def _instance(self, origin: Instance, scope: Scope, kind: str, name: str) -> Instance | None:
        fits = [i for i in self.by_type.get(kind, ()) if i.name == name and _scope(i.module) == scope]
        fits = [i for i in fits if i.change != "delete"] or fits
        same = [i for i in fits if i.index == origin.index and i.module == origin.module]
        if len(fits) == 1 or len(same) == 1:
            return (same or fits)[0]
        return None

    def _resolved(self, expression: Any, scope: Scope, depth: int) -> Iterator[tuple[Scope, str, str]]:
        references = expression.get("references") if isinstance(expression, dict) else None
        for reference in references if isinstance(references, list) and depth < DEEPEST_REFERENCE else ():
            parts = re.sub(r"\[[^\]]*\]", "", reference).split(".") if isinstance(reference, str) else []
            if len(parts) < 2:
                continue
            if parts[0] == "var" and scope:
                yield from self._resolved(self._argument(scope, parts[1]), scope[:-1], depth + 1)
            elif parts[0] == "module" and len(parts) > 2:
                yield from self._resolved(self._output((*scope, parts[1]), parts[2]), (*scope, parts[1]), depth + 1)
            elif parts[0] not in ("data", "local", "each", "count", "path", "self", "var", "module"):
                yield scope, parts[0], parts[1]

    def _argument(self, scope: Scope, name: str) -> Any:
        calls = (self._module(scope[:-1]) or {}).get("module_calls")
        call = calls.get(scope[-1]) if isinstance(calls, dict) else None
        expressions = call.get("expressions") if isinstance(call, dict) else None
        return expressions.get(name) if isinstance(expressions, dict) else None

    def _output(self, scope: Scope, name: str) -> Any:
        outputs = (self._module(scope) or {}).get("outputs")
        output = outputs.get(name) if isinstance(outputs, dict) else None
        return output.get("expression") if isinstance(output, dict) else None

    def provider_region(self, instance: Instance) -> str | None:
        """Return the region of the provider that a planned resource belongs to."""
        key = (self._configured(instance) or {}).get("provider_config_key")
        providers = self.contents.configuration.get("provider_config")
        provider = providers.get(key) if isinstance(providers, dict) and isinstance(key, str) else None
        expressions = provider.get("expressions") if isinstance(provider, dict) else None
        region = expressions.get("region") if isinstance(expressions, dict) else None
        if not isinstance(region, dict):
            return None
        value = region.get("constant_value")
        references = region.get("references")
        if value is None and isinstance(references, list) and len(references) == 1 and ":" not in str(key):
            name = str(references[0]).removeprefix("var.")
            variable = self.contents.variables.get(name)
            value = variable.get("value") if isinstance(variable, dict) else None
        return value if isinstance(value, str) and _REGION.fullmatch(value) else None


def _scope(module: str) -> Scope:
    """Return the names of a module address without its indices: `module.a["x"].module.b` → (a, b)."""
    bare = re.sub(r'\[(?:"(?:[^"\\]|\\.)*"|[^\]"]*)\]', "", module)
    return tuple(part for index, part in enumerate(bare.split(".")) if index % 2) if bare else ()


@dataclass(frozen=True, slots=True)
class Here:
    """One resource, as a kind's reader sees it."""

    world: World
    instance: Instance
    values: Values

    def defaulted(self, path: str, default: Any) -> Any:
        """Return the value at `path`, or `default` where the sources leave it out; None where it is unknown."""
        value = self.values.get(path)
        if value is not None and value != []:
            return value
        if self.values.is_unknown(path) and self.world.is_configured(self.instance, path) is not False:
            return None
        return default

    def referred(self, path: str, *kinds: str) -> Instance | None:
        """Return the instance of one of the types that `path` refers to."""
        return self.world.referred(self.instance, path, kinds)

    def users(self, kind: str, path: str) -> list[Instance]:
        """Return the instances of a type whose `path` refers to this resource."""
        own = self.instance
        return [
            other
            for other in self.world.by_type.get(kind, ())
            if other.change != "delete" and self.world.referred(other, path, (own.type,)) is own
        ]
