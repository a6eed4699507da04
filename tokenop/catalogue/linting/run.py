"""Asking the rules: what each says of the files that are checked, without what is suppressed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules import RULES
from tokenop.catalogue.rules.frontmatter import fm099
from tokenop.catalogue.rules.model import Found, Rule, Scope
from tokenop.catalogue.rules.safety import se001
from tokenop.catalogue.rules.source import Source
from tokenop.catalogue.rules.suppressions.entries import entries
from tokenop.catalogue.rules.suppressions.su005 import suppressible
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding


@dataclass(frozen=True)
class Asked:
    """The rules that are asked, by what they look at."""

    rules: tuple[Rule, ...]

    def of(self, scope: Scope) -> tuple[Rule, ...]:
        """Return the rules of one scope."""
        return self._by_scope.get(scope, ())

    @cached_property
    def ids(self) -> frozenset[str]:
        """Return the identifiers of all of them."""
        return frozenset(rule.id for rule in self.rules)

    @cached_property
    def suppressible(self) -> frozenset[str]:
        """Return the identifiers of those that a template may suppress."""
        return frozenset(rule.id for rule in self.rules if suppressible(rule))

    @cached_property
    def _by_scope(self) -> Mapping[str, tuple[Rule, ...]]:
        scopes = {rule.scope for rule in self.rules}
        return {scope: tuple(rule for rule in self.rules if rule.scope == scope) for scope in scopes}


def asked(rules: Iterable[Rule], around: Surroundings, *, weekly: bool = False) -> Asked:
    """Return those of `rules` that can be asked: replaying ones need the engine, weekly ones the network."""
    return Asked(tuple(rule for rule in rules if (around.replay or not rule.replays) and (weekly or not rule.weekly)))


def check(
    sources: Sequence[Source],
    around: Surroundings,
    asking: Asked,
    gather: Callable[[Sequence[Source], Surroundings, Asked], Iterable[Finding]] | None = None,
) -> list[Finding]:
    """Return what the rules say of `sources`, in the order of the files, without what is suppressed in them.

    Args:
        sources: the files.
        around: what is known besides them.
        asking: the rules.
        gather: asks the rules on single files, in the place of `each_file`.
    """
    around = replace(around, rules=RULES)
    told = defaultdict[str, set[Finding]](set)
    for finding in (gather or each_file)(sources, around, asking):
        told[finding.file].add(finding)
    drafts = [source.draft for source in sources if source.draft]
    for finding in _each(asking.of("catalogue"), drafts, around) if drafts else ():
        told[finding.file].add(finding)
    by_file = {str(source.path): source for source in sources}
    found: list[Finding] = []
    for file in sorted({*told, *by_file}):
        listed = sorted(told[file], key=_order)
        found += _settled(by_file[file], listed, around, asking) if file in by_file else listed
    return found


def each_file(sources: Sequence[Source], around: Surroundings, asking: Asked) -> Iterator[Finding]:
    """Yield what the rules say that look at one file, or at some files at a time; suppressed or not, in no order."""
    drafts: list[Draft] = []
    for source in sources:
        yield from _each(asking.of("text"), source, around)
        if source.kind == "evidence":
            yield from _evidence(source, around, asking)
        elif source.draft:
            drafts.append(source.draft)
            yield from _each(asking.of("template"), source.draft, around)
    if drafts:
        yield from _each(asking.of("batch"), drafts, around)


def _each(rules: Iterable[Rule], checked: Any, around: Surroundings) -> Iterator[Finding]:
    for rule in rules:
        yield from rule.check(checked, around)


def _evidence(source: Source, around: Surroundings, asking: Asked) -> Iterator[Finding]:
    if source.unreadable:
        return
    from tokenop.evidence import read

    file = read.file(source.path, source.text)
    yield from (found for found in file.findings if found.rule in asking.ids)
    yield from _each(asking.of("evidence"), file, around)


def _without_secrets(source: Source, told: list[Finding]) -> list[Finding]:
    """Return the findings without the file's secrets, which other rules would quote: a log is read by many."""
    if not any(found.rule == se001.RULE.id for found in told):
        return told
    masked = se001.masker(source)
    return [
        replace(found, field=masked(found.field), message=masked(found.message), fix=masked(found.fix))
        for found in told
    ]


def _settled(source: Source, told: list[Finding], around: Surroundings, asking: Asked) -> Iterator[Finding]:
    """Yield the findings of one file without those suppressed in it, and what is to be said of the whole."""
    last = [rule for rule in asking.of("found") if rule is not fm099.RULE]
    told += [found for rule in last for found in rule.check(source, Found(tuple(told), asking.ids), around)]
    told = _without_secrets(source, told)
    hidden = _hidden(source, around, asking)
    left = sorted((found for found in told if found.rule not in hidden), key=_order)
    yield from left[: fm099.MOST]
    if len(left) > fm099.MOST:
        yield from fm099.RULE.check(source, Found(tuple(left), asking.ids), around)


def _hidden(source: Source, around: Surroundings, asking: Asked) -> set[str]:
    if source.draft is None:
        return set()
    return {entry.rule for entry in entries(source.draft) if entry.holds(around.today)} & asking.suppressible


def _order(found: Finding) -> tuple[object, ...]:
    return found.file, found.line, found.column, found.rule, found.field, found.message
