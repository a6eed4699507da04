"""`tokenop templates search`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenop.catalogue.vocabulary import INVENTORY_SCALARS
from tokenop.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokenop.catalogue.search import Hit
    from tokenop.planning.applicability import Failing

    Applying = Mapping[str, tuple[Failing, ...]]

_LAYERS = ("application-layer", "serving-layer", "infrastructure-layer", "cross-layer")
_LONGEST = 160


@click.command(
    epilog="""\b
Examples:
  tokenop templates search cache                          by words
  tokenop templates search --profile profile.yaml         what applies to a workload, and why the rest does not
  tokenop templates search gpu spot --layer infrastructure-layer --json
""",
)
@click.argument("words", nargs=-1)
@click.option("--layer", type=click.Choice(_LAYERS), help="Only templates of this layer.")
@click.option("--category", help="Only templates of this category, such as caching.")
@click.option("--profile", type=click.Path(path_type=Path), help="profile.yaml: say which templates apply to it.")
@click.option("--events", type=click.Path(path_type=Path), help="Event log: say which templates apply to it.")
@click.option("--inventory", type=click.Path(path_type=Path), help="Inventory of what runs, beside one of the two.")
@click.option(
    "--templates-dir", type=click.Path(path_type=Path), help="Folder of templates. Default: the synced or shipped ones."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def search(
    words: tuple[str, ...],
    layer: str | None,
    category: str | None,
    profile: Path | None,
    events: Path | None,
    inventory: Path | None,
    templates_dir: Path | None,
    as_json: bool,
) -> None:
    """Find templates by words, layer, category and what applies to your usage.

    Words count most in id and title, then in category, levers, files and text.
    """
    from tokenop import catalogue
    from tokenop.applying.showing import visible
    from tokenop.catalogue import search as searching
    from tokenop.cli import using

    if profile and events:
        raise MisuseError("give either --profile or --events, not both")
    using.tell(templates_dir)
    loaded = catalogue.load(templates_dir)
    if broken := {visible(finding.file) for finding in loaded.findings if finding.severity == "error"}:
        click.echo(f"left out, see `tokenop templates lint`: {', '.join(sorted(broken))}", err=True)
    found = searching.search(loaded.templates, words, layer, category)
    applying = _applying(found, profile, events, inventory)
    if applying is not None and not words:
        found = sorted(found, key=lambda hit: (bool(applying[hit.template.id]), hit.template.id))
    if as_json:
        click.echo(json.dumps({"templates": [_entry(hit, applying) for hit in found]}, indent=2, ensure_ascii=False))
        return
    if not found:
        categories = ", ".join(sorted({template.category for template in loaded.templates}))
        click.echo(f"No template matches. Categories: {categories or 'none'}. Next: tokenop templates list")
        return
    _show(found, applying)


def _applying(
    found: Sequence[Hit], profile: Path | None, events: Path | None, inventory: Path | None
) -> Applying | None:
    """Return by id the conditions that do not hold; None where there is no workload to ask about."""
    from tokenop.planning import applicability

    if profile is None and events is None and inventory is None:
        return None
    scalars: Mapping[str, object] = {}
    if profile is not None:
        scalars = applicability.of_profile(profile)
    elif events is not None:
        scalars = applicability.of_events(events)
    if inventory is not None:
        from tokenop import inventory as inventories
        from tokenop.economics import fleet

        scalars = {**scalars, **fleet.scalars(inventories.read(inventory))}
    return applicability.each([hit.template for hit in found], scalars)


def _entry(hit: Hit, applying: Applying | None) -> dict[str, Any]:
    from tokenop.planning.figures import plain

    template = hit.template
    claim = template.claim.savings_percent
    entry: dict[str, Any] = {
        "id": template.id,
        "title": template.title,
        "layer": template.layer,
        "category": template.category,
        "claim_percent": {"low": float(claim.low), "expected": float(claim.expected), "high": float(claim.high)},
        "score": hit.score,
        "found": [{"word": word, "in": where} for word, where in hit.found],
        "missing": list(hit.missing),
        "applies": None,
        "failing": [],
    }
    if applying is not None:
        failing = applying[template.id]
        entry["applies"] = None if failing and all(one.unknown for one in failing) else not failing
        entry["failing"] = [
            {"condition": one.condition, "values": plain(one.values), "unknown": one.unknown} for one in failing
        ]
    return entry


def _show(found: Sequence[Hit], applying: Applying | None) -> None:
    from rich.table import Table
    from rich.text import Text

    from tokenop.cli.progress import results

    table = Table(box=None, pad_edge=False, header_style="bold")
    # Ids are copied: of all columns they are never cut.
    table.add_column("id", no_wrap=True, min_width=max(len(hit.template.id) for hit in found))
    table.add_column("category", overflow="fold")
    table.add_column("claim %", justify="right", no_wrap=True)
    table.add_column("applies" if applying is not None else "found", overflow="fold")
    for hit in found:
        template = hit.template
        why = _why(applying[template.id]) if applying is not None else _where(hit)
        table.add_row(template.id, template.category, str(template.claim.savings_percent.expected), Text(why))
    results().print(table)
    count = f"{len(found)} template{'' if len(found) == 1 else 's'}"
    if applying is not None:
        count += f", {sum(not applying[hit.template.id] for hit in found)} of them apply"
    first = found[0].template.id
    click.echo(f"{count}. Next: tokenop templates info {first}, tokenop template-apply {first} --dry-run")


def _where(hit: Hit) -> str:
    places = ", ".join(f"{word} in {where}" for word, where in hit.found)
    return places + (f"; not {', '.join(hit.missing)}" if hit.missing else "")


def _why(failing: Sequence[Failing]) -> str:
    if not failing:
        return "yes"
    if all(one.unknown for one in failing):
        names = sorted({name for one in failing for name, value in one.values.items() if value is None})
        given = " (--inventory says it)" if set(names) <= set(INVENTORY_SCALARS) else ""
        return f"unknown: {', '.join(names)}{given}"
    text = "; ".join(str(one) for one in failing if not one.unknown)
    return f"no: {text if len(text) <= _LONGEST else text[: _LONGEST - 2] + ' …'}"
