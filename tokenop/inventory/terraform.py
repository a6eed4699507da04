"""Terraform's states and plans as an inventory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from tokenop.errors import Finding, FindingsError
from tokenop.inventory import formats, prices
from tokenop.inventory.attributes import Values
from tokenop.inventory.formats import Contents, Instance
from tokenop.inventory.kinds.base import SOME_ACCELERATOR, Draft, Kind
from tokenop.inventory.kinds.table import KINDS, readable
from tokenop.inventory.model import Count, Hourly, Inventory, Origin, Resource, Skipped, monthly
from tokenop.inventory.prices import Machine, Machines
from tokenop.inventory.world import Here, World

MOST_RESOURCES = 100_000
NO_CAPACITY = "not GPU or inference capacity"
HELPER = "only describes other resources"
UNKNOWN_MACHINE = "its machine type is not in this file"
SAME_AS_PLAN = "listed from the plan of the same resource"


class SourceFile(Protocol):
    """A file and what messages call it."""

    @property
    def path(self) -> Path:
        """Where the file is."""

    @property
    def shown(self) -> str:
        """What it is called."""


def collect(
    files: Sequence[Path | SourceFile], scratch: Path | None = None, settings: Mapping[str, str] | None = None
) -> Inventory:
    """Return the GPU and inference capacity that Terraform's states and plans describe.

    A plan is taken as what will be; a resource that a state and a plan both hold is listed once, from the plan.

    Args:
        files: states and plans as `terraform show -json` writes them, and raw state files.
        scratch: not needed here; collectors of other kinds take it.
        settings: `prices`: a file of instance prices that come on top of the shipped ones.

    Raises:
        FindingsError: files that are not what Terraform writes, all of them at once.
        InputError: a file cannot be read at all.
    """
    del scratch
    given = (settings or {}).get("prices")
    machines = prices.load(Path(given).expanduser() if given else None)
    contents, findings = [], list[Finding]()
    for file in files:
        path, shown = (file, str(file)) if isinstance(file, Path) else (file.path, file.shown)
        try:
            contents.append(formats.read(path, shown, readable))
        except FindingsError as error:
            findings += error.findings
    if findings:
        raise FindingsError(findings)
    _leave_out_what_plans_hold(contents)
    resources: list[Resource] = []
    for index, content in enumerate(contents):
        world = World(content)
        for instance in content.instances:
            found = list(_resources(world, instance, machines, index))
            resources += found
            if len(resources) > MOST_RESOURCES:
                formats.fail(content.path, f"there are more than {MOST_RESOURCES} GPU resources", "give fewer files")
    _once(resources, contents)
    skipped: dict[tuple[str, str], int] = {}
    for content in contents:
        for key, number in content.others.items():
            skipped[key] = skipped.get(key, 0) + number
    return Inventory(
        tuple(Origin(c.path, c.sha256, c.kind, c.terraform_version) for c in contents),
        tuple(sorted(resources, key=lambda r: (r.address, r.part or "", r.origin))),
        tuple(Skipped(kind, reason, number) for (kind, reason), number in sorted(skipped.items())),
    )


def _once(resources: Sequence[Resource], contents: Sequence[Contents]) -> None:
    """Refuse a file that holds a resource twice: Terraform writes no such file, and it would count twice."""
    seen: set[tuple[int, str, str | None]] = set()
    for resource in resources:
        key = (resource.origin, resource.address, resource.part)
        if key in seen:
            path = contents[resource.origin].path
            formats.fail(path, f"{resource.address} is in it twice", "write the file anew with `terraform show -json`")
        seen.add(key)


@dataclass(frozen=True, slots=True)
class Named:
    """A file under the name that messages and the inventory show."""

    path: Path
    shown: str


def sample(folder: Path) -> Inventory:
    """Return what the samples in a collector's folder give, files named without their folder."""
    return collect([Named(path, path.name) for path in sorted(folder.glob("sample*"))])


def _leave_out_what_plans_hold(contents: list[Contents]) -> None:
    """Drop from states what a plan holds as well, told by address and id."""
    planned = {
        (instance.address, identity)
        for content in contents
        if content.kind == "plan"
        for instance in content.instances
        for values in (instance.values, instance.before)
        if values and (identity := _identity(values))
    }
    for content in contents:
        if content.kind == "plan":
            continue
        kept = []
        for instance in content.instances:
            if (instance.address, _identity(instance.values)) in planned:
                content.leave_out(instance.type, SAME_AS_PLAN)
            else:
                kept.append(instance)
        content.instances = kept


def _identity(values: Values) -> str | None:
    return next(filter(None, (values.text(name) for name in ("arn", "id", "self_link"))), None)


def _resources(world: World, instance: Instance, machines: Machines, origin: int) -> Iterator[Resource]:
    """Yield the rows of one resource; where there is none, count why."""
    kind = KINDS[instance.type]
    if kind.read is None:
        world.contents.leave_out(instance.type, HELPER)
        return
    before = _counts_before(world, instance, kind)
    listed, seen_machine = False, False
    for draft in kind.read(Here(world, instance, instance.values)):
        machine = _machine(machines, kind, draft)
        seen_machine = seen_machine or bool(draft.instance_types)
        if kind.purpose == "gpu" and machine is None and not draft.accelerator:
            continue
        listed = True
        yield _resource(world, instance, kind, draft, machine, machines, before, origin)
    if not listed:
        reason = NO_CAPACITY if seen_machine or kind.purpose == "inference" else UNKNOWN_MACHINE
        world.contents.leave_out(instance.type, reason)


def _machine(machines: Machines, kind: Kind, draft: Draft) -> Machine | None:
    names = [draft.instance_type] if draft.instance_type else draft.instance_types
    found = [machine for name in names if (machine := machines.find(kind.provider, name))]
    if not found:
        return None
    # Several possible types say something in common only where they agree.
    gpus = found[0].gpus if len({m.gpus for m in found}) == 1 else None
    accelerator = found[0].accelerator if len({m.accelerator for m in found}) == 1 else None
    return replace(found[0], gpus=gpus, accelerator=accelerator)


def _accelerator(name: str | None) -> str | None:
    """Return an accelerator as the price files call it: `nvidia-tesla-t4` → T4, `NVIDIA_H100_80GB` → H100."""
    if name in (None, SOME_ACCELERATOR):
        return None
    bare = re.sub(r"^(nvidia|tesla|[-_])+", "", str(name), flags=re.IGNORECASE).upper().replace("_", "-")
    return bare if bare.startswith("A100-80GB") else re.sub(r"-(MEGA-)?\d+GB$", "", bare) or None


def _counts_before(world: World, instance: Instance, kind: Kind) -> dict[str | None, Count]:
    """Return today's count of each part of a resource that the plan changes."""
    if instance.before is None or kind.read is None:
        return {}
    return {draft.part: draft.count for draft in kind.read(Here(world, instance, instance.before))}


def _resource(
    world: World,
    instance: Instance,
    kind: Kind,
    draft: Draft,
    machine: Machine | None,
    machines: Machines,
    before: Mapping[str | None, Count],
    origin: int,
) -> Resource:
    hourly, source = Hourly(), None
    # Accelerators that are put on a machine besides its own change its price.
    added = draft.gpus is not None and (machine is None or machine.gpus != draft.gpus)
    if draft.billed_hourly and not added:
        hourly, source = machines.hourly(kind.provider, draft.instance_type, draft.region)
    unknown = kind.named_unknown(
        name for name in instance.values.unknown if world.is_configured(instance, name) is not False
    )
    return Resource(
        address=instance.address,
        provider=kind.provider,
        type=instance.type,
        purpose=kind.purpose,
        part=draft.part,
        origin=origin,
        region=draft.region,
        instance_type=draft.instance_type,
        instance_types=draft.instance_types,
        gpus_per_instance=draft.gpus if draft.gpus is not None else machine.gpus if machine else None,
        accelerator=(machine.accelerator if machine else None) or _accelerator(draft.accelerator),
        count=draft.count,
        before=before.get(draft.part),
        autoscaling=draft.autoscaling,
        scale_to_zero=draft.scale_to_zero,
        hourly_usd=hourly,
        price_source=source,
        monthly_usd=monthly(draft.count, hourly) if draft.billed_hourly and draft.counted else None,
        change=instance.change,
        counted=draft.counted,
        notes=(*instance.notes, *draft.notes),
        unknown=unknown,
    )
