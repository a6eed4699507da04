"""`tokenop patches`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tokenop.catalogue.model import Template
    from tokenop.inventory.model import Inventory
    from tokenop.inventory.patches import Diff
    from tokenop.planning.build import Plan

EPILOG = """\b
Examples:
  tokenop patches                              the plan, inventory and *.tf here
  tokenop patches --terraform infra/prod --out reviews
  tokenop patches --template spot-instance-optimization --json
"""


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(path_type=Path),
    default=Path("optimization-plan.yaml"),
    show_default=True,
    help="Plan whose chosen templates are meant.",
)
@click.option(
    "--template",
    "names",
    multiple=True,
    metavar="ID",
    help="Template to make a diff of, instead of those in the plan. May be given several times.",
)
@click.option(
    "--inventory",
    "inventory_file",
    type=click.Path(path_type=Path),
    default=Path("inventory.yaml"),
    show_default=True,
    help="Inventory from `tokenop discover`.",
)
@click.option(
    "--terraform",
    "sources",
    type=click.Path(path_type=Path),
    default=Path(),
    show_default=True,
    help="Folder of the root module's *.tf.",
)
@click.option(
    "--templates-dir", type=click.Path(path_type=Path), help="Folder of templates. Default: the synced or shipped ones."
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("patches"), show_default=True, help="Where to write."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    plan_file: Path,
    names: tuple[str, ...],
    inventory_file: Path,
    sources: Path,
    templates_dir: Path | None,
    out: Path,
    as_json: bool,
) -> None:
    """Write the plan's capacity changes as Terraform diffs.

    Each diff changes only the lines that it must, and applies with `git apply` or `patch -p1`. What cannot be changed
    in place (a value from a variable, a module from a registry) is said as a note with the exact edit.
    """
    from tokenop import inventory as inventories
    from tokenop.inventory.patches.make import write

    wanted = names or _chosen(plan_file)
    found = make(inventories.read(inventory_file), _templates(wanted, templates_dir), sources)
    files = list(write(found, out))
    if as_json:
        import json

        click.echo(json.dumps([_as_dict(diff, out) for diff in found], indent=2, ensure_ascii=False))
        return
    _print(found, out, files)


def make(inventory: Inventory, templates: Iterable[Template], sources: Path) -> tuple[Diff, ...]:
    """Return the diffs of the templates that have capacity levers."""
    from tokenop.inventory.patches import diffs

    return tuple(diff for template in templates for diff in diffs(inventory, template, sources))


def beside_plan(plan: Plan, sources: Path, out: Path) -> tuple[Diff, ...]:
    """Write the diffs of a plan's chosen templates where there are an inventory and *.tf, and return them.

    A plan stands without its diffs: where the extra is not installed, that is a note and no error.
    """
    from tokenop.errors import MisuseError
    from tokenop.inventory.model import Inventory
    from tokenop.inventory.patches.make import write

    fleet = plan.study.fleet
    wanted = [
        template
        for template in plan.study.templates
        if template.id in plan.chosen and any(lever.kind == "capacity" for lever in template.levers)
    ]
    if not wanted or not any(sources.glob("*.tf")):
        return ()
    try:
        found = make(Inventory((), (*fleet.resources, *fleet.unknown)), wanted, sources)
    except MisuseError as error:
        click.echo(f"no Terraform diffs: {error}", err=True)
        return ()
    list(write(found, out))
    return found


def show(found: tuple[Diff, ...], out: Path) -> None:
    """Print one line for each diff."""
    for diff in found:
        changed, notes = len(diff.changed), len(diff.notes)
        where = str(out / diff.name) if diff.text else "nothing to change in the sources"
        click.echo(
            f"Terraform: {where}, {changed} resource{'s' * (changed != 1)}, {notes} note{'s' * (notes != 1)}"
            + (f" in {out / diff.template_id}.tf.notes.txt" if notes else "")
        )


def _chosen(plan_file: Path) -> tuple[str, ...]:
    """Return the ids of the templates that a plan chose.

    Only these are read: a plan of an inventory alone is as good as any.
    """
    from tokenop import documents
    from tokenop.errors import Finding, FindingsError, InputError

    try:
        text = plan_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{plan_file}: cannot be read: {error}; `tokenop plan` writes one") from error
    chosen = documents.parse_yaml(text, plan_file).get("chosen")
    ids = (
        [entry.get("id") if isinstance(entry, dict) else None for entry in chosen] if isinstance(chosen, list) else [0]
    )
    if not all(isinstance(name, str) for name in ids):
        raise FindingsError([Finding(str(plan_file), 0, "chosen", "PLAN", "error", "is no list of templates with ids")])
    return tuple(map(str, ids))


def _templates(names: Sequence[str], folder: Path | None) -> list[Template]:
    from tokenop.catalogue import loader
    from tokenop.cli import using
    from tokenop.errors import MisuseError

    using.tell(folder)
    catalogue = loader.load(folder)
    found = []
    for name in names:
        template = catalogue.get(name)
        if template is None:
            raise MisuseError(f"{name}: is not a sound template of this catalogue; `tokenop templates list` shows them")
        found.append(template)
    return found


def _as_dict(diff: Diff, out: Path) -> dict[str, Any]:
    return {
        "template": diff.template_id,
        "diff": str(out / diff.name) if diff.text else None,
        "apply_in": str(diff.base),
        "files": list(diff.files),
        "changed": list(diff.changed),
        "notes": list(diff.notes),
    }


def _print(found: tuple[Diff, ...], out: Path, files: list[Path]) -> None:
    for diff in found:
        resources = f"{len(diff.changed)} resource{'s' if len(diff.changed) != 1 else ''}"
        click.echo(f"{diff.template_id}: {resources} in {', '.join(diff.files) or 'no file'}")
        for note in diff.notes:
            click.echo(f"  {note}")
    for path in files:
        click.echo(str(path))
    first = next((diff for diff in found if diff.text), None)
    if not found:
        click.echo("No template here changes capacity: nothing to write.")
    elif first is None:
        click.echo("The sources say already what the templates ask for, or it has to be done by hand: see the notes.")
    else:
        click.echo(f"Next: git -C {first.base} apply --check {(out / first.name).resolve()}")
