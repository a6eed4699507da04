"""From an inventory, a template and Terraform sources to one diff."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from tokenop.inventory.model import Inventory, Resource
from tokenop.inventory.patches import unified
from tokenop.inventory.patches.editor import Editor
from tokenop.inventory.patches.edits import TABLES, Change
from tokenop.inventory.patches.hcl import Block, Overlap
from tokenop.inventory.patches.matching import Lever, Template, matching
from tokenop.inventory.patches.sources import Sources

NOT_TERRAFORM = {
    "reserved": "a commitment is bought in the provider's console or API, not on the resource: {count} × {type} in "
    "{region} for one year",
    "spot": "{type} has no spot in Terraform",
    "autoscale": "how {type} scales is not set on it",
    "consolidate": "lower the count of {type} once a load test shows what one instance serves; until then keep {count}",
}


@dataclass(frozen=True, slots=True)
class Diff:
    """The diff of one template.

    `text` is a unified diff, to be applied in `base` with `git apply` or `patch -p1`; empty where nothing is to be
    changed. `changed` are the addresses that it changes, `notes` what has to be done by hand, each with its place.
    """

    template_id: str
    text: str
    base: Path
    files: tuple[str, ...]
    changed: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return the name of its file."""
        return f"{self.template_id}.tf.diff"


def diffs(inventory: Inventory, template: Template, sources: Path) -> tuple[Diff, ...]:
    """Return the diff that the capacity levers of a template make of Terraform sources; none without such levers.

    Args:
        inventory: what runs, or will.
        template: its capacity levers say what changes, and where.
        sources: the folder of the root module.

    Raises:
        InputError: the folder or a file in it cannot be read.
        MisuseError: the extra `terraform` is not installed.
    """
    levers = [lever for lever in template.levers if lever.kind == "capacity"]
    if not levers:
        return ()
    files = Sources(sources)
    notes: dict[str, None] = {}
    changed: dict[str, None] = {}
    for lever in levers:
        _pull(inventory, lever, files, changed, notes)
    edited = [source for folder in sorted(files.folders) for source in files.folders[folder] if source.edits]
    texts = {source.name: unified.diff(source.name, source.data, source.edited()) for source in edited}
    names = tuple(sorted(name for name, text in texts.items() if text))
    found = dict.fromkeys([*notes, *files.notes])
    return (Diff(template.id, "".join(texts[n] for n in names), files.base, names, tuple(changed), tuple(found)),)


def _pull(inventory: Inventory, lever: Lever, files: Sources, changed: dict[str, None], notes: dict[str, None]) -> None:
    """Plan the edits of one lever."""
    change = _change(lever)
    matched = matching(inventory, lever.where)
    wanted = [resource for resource in matched if _movable(resource, change)]
    others = {resource.address for resource in inventory.resources if resource.in_totals}
    others -= {resource.address for resource in matched}
    groups: dict[tuple[str, int, str], tuple[Block, list[Resource]]] = {}
    for resource in wanted:
        edit = TABLES[change.name].get(resource.type)
        if edit is None:
            notes[_not_terraform(resource, change)] = None
            continue
        block = files.find(resource.address)
        if isinstance(block, str):
            notes[block] = None
            continue
        key = (block.source.name, block.node.start_byte, resource.part or "")
        groups.setdefault(key, (block, []))[1].append(resource)
    shared = _blocks_of(others, files, {key[:2] for key in groups})
    for key, (block, resources) in sorted(groups.items()):
        if spared := shared.get(key[:2]):
            named = ", ".join(sorted(spared)[:3])
            notes[f"{block.source.name}:{block.line}: also makes {named}, which the template does not mean; "
                  f"it is left as it is"] = None  # fmt: skip
            continue
        editor = Editor(block, _named(resources), files.files(block.source.path.parent))
        try:
            TABLES[change.name][resources[0].type](editor, _summed(resources), change)
        except Overlap:
            editor.note("another lever of this template changes the same lines; apply the diff and run this again")
        notes.update(dict.fromkeys(editor.notes))
        if editor.changed:
            changed.update(dict.fromkeys(resource.address for resource in resources))


def _change(lever: Lever) -> Change:
    def expected(name: str, default: str) -> Decimal:
        given = lever.parameters.get(name)
        return Decimal(default) if given is None else Decimal(str(given.expected))

    share = min(expected("share", "1"), 1 - expected("on_demand_floor", "0"))
    least = lever.options.get("min_replicas", 1)
    return Change(str(lever.options["change"]), share, least if isinstance(least, int) else 1)


def _movable(resource: Resource, change: Change) -> bool:
    """Return whether a resource has, or may have, on-demand instances that the change could reach."""
    if change.name == "autoscale":
        bounds = resource.autoscaling
        unbound = bounds.enabled is None and bounds.min is None and bounds.max is None
        return not resource.scale_to_zero and (bounds.enabled is False or unbound)
    return resource.count.on_demand is None or resource.count.on_demand > 0


def _not_terraform(resource: Resource, change: Change) -> str:
    text = NOT_TERRAFORM[change.name].format(
        count=resource.count.on_demand if resource.count.on_demand is not None else "?",
        type=resource.instance_type or resource.type if change.name == "reserved" else resource.type,
        region=resource.region or "its region",
    )
    return f"{resource.address}: {text}"


def _blocks_of(addresses: set[str], files: Sources, keys: set[tuple[str, int]]) -> dict[tuple[str, int], list[str]]:
    """Return which of the addresses the blocks `keys` make as well: those of other indices, or of shared modules."""
    found: dict[tuple[str, int], list[str]] = {}
    for address in sorted(addresses) if keys else ():
        block = files.find(address)
        if not isinstance(block, str) and (key := (block.source.name, block.node.start_byte)) in keys:
            found.setdefault(key, []).append(address)
    return found


def _named(resources: list[Resource]) -> str:
    rest = f" and {len(resources) - 1} more" if len(resources) > 1 else ""
    return f"{resources[0].address}{rest}"


def _summed(resources: list[Resource]) -> Resource:
    """Return the one with the largest on-demand count: a block that makes several must serve all of them."""
    return max(resources, key=lambda resource: (resource.count.on_demand or 0, resource.address))


def write(found: tuple[Diff, ...], folder: Path) -> Iterator[Path]:
    """Write diffs into a folder and yield what was written; a diff that has become empty is removed.

    Raises:
        InputError: the folder cannot be written.
    """
    from tokenop.files import write_text

    for diff in found:
        notes = folder / f"{diff.template_id}.tf.notes.txt"
        for path, text in ((folder / diff.name, diff.text), (notes, "".join(f"{note}\n" for note in diff.notes))):
            if text:
                write_text(path, text)
                yield path
            else:
                path.unlink(missing_ok=True)
