"""What templates say about one another: names that exist, ids that are unique, requirements without a circle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.legacy import finding
from tokenop.catalogue.schema import closest
from tokenop.errors import Finding


def check(drafts: Iterable[Draft], known: Iterable[str] = ()) -> Iterator[Finding]:
    """Yield what does not fit between `drafts`; `known` are ids of templates that exist besides them."""
    listed = list(drafts)
    by_id: dict[str, Draft] = {}
    for draft in listed:
        identity = draft.get("id")
        if identity is None:
            continue
        if identity in by_id:
            message = f"{identity!r} is also the id of {by_id[identity].document.path}"
            yield finding(draft.document, "ID004", "id", message, "rename one of them")
        by_id.setdefault(identity, draft)
    existing = set(by_id) | set(known)
    for draft in listed:
        yield from _dangling(draft, existing)
    yield from _circles(by_id)


def _dangling(draft: Draft, existing: set[str]) -> Iterator[Finding]:
    for name in ("requires", "conflicts"):
        for index, other in enumerate(draft.get(name) or []):
            if other not in existing:
                fix = closest(other, existing)
                yield finding(draft.document, "GR001", f"{name}[{index}]", f"there is no template {other!r}", fix)


def _circles(by_id: Mapping[str, Draft]) -> Iterator[Finding]:
    needs = {name: [n for n in draft.get("requires") or [] if n in by_id] for name, draft in sorted(by_id.items())}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        message = f"requirements go in a circle: {' → '.join(reversed(circle))}"
        yield finding(by_id[circle[0]].document, "GR002", "requires", message, "remove one of these requirements")
