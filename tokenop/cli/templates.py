"""`tokenop templates`: list, find, show and lint optimisation templates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenop.cli.templates_lint import lint
from tokenop.cli.templates_search import search
from tokenop.errors import InputError

if TYPE_CHECKING:
    from tokenop.catalogue.model import Catalogue, Template

_LAYERS = ("application-layer", "serving-layer", "infrastructure-layer", "cross-layer")

_templates_dir = click.option(
    "--templates-dir",
    type=click.Path(path_type=Path),
    help="Folder with application-layer/ and the others. [default: the synced or shipped ones]",
)
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


@click.group(
    name="templates",
    epilog="""\b
Examples:
  tokenop templates list --layer application-layer
  tokenop templates search cache
  tokenop templates info semantic-caching
  tokenop templates lint templates/serving-layer/vllm-migration.md
""",
)
def command() -> None:
    """List, find, show and lint optimisation templates."""


@command.command(
    name="list",
    epilog="""\b
Example:
  tokenop templates list --category caching
""",
)
@click.option("--layer", type=click.Choice(_LAYERS), help="Only templates of this layer.")
@click.option("--category", help="Only templates of this category, such as caching.")
@_templates_dir
@_as_json
def list_templates(layer: str | None, category: str | None, templates_dir: Path | None, as_json: bool) -> None:
    """List the templates with what they claim, cost and risk."""
    catalogue = _catalogue(templates_dir)
    chosen = [
        template
        for template in catalogue.templates
        if layer in (None, template.layer) and category in (None, template.category)
    ]
    _warn(catalogue)
    if as_json:
        click.echo(json.dumps({"templates": [_summary(template) for template in chosen]}, indent=2))
        return
    if not chosen:
        categories = ", ".join(sorted({template.category for template in catalogue.templates}))
        click.echo(f"No template matches. Categories: {categories or 'none'}.")
        return
    _table(chosen)
    click.echo(f"{_number(len(chosen), 'template')}. Next: tokenop templates info {chosen[0].id}")


@command.command(
    epilog="""\b
Example:
  tokenop templates info prompt-caching
""",
)
@click.argument("template_id", metavar="ID")
@_templates_dir
@_as_json
def info(template_id: str, templates_dir: Path | None, as_json: bool) -> None:
    """Show one template: its levers, ranges with their evidence, risk, and the text for people."""
    catalogue = _catalogue(templates_dir)
    template = catalogue.get(template_id)
    if template is None:
        raise InputError(_unknown(template_id, catalogue))
    if as_json:
        click.echo(json.dumps(_details(template), indent=2))
        return
    _show(template)


command.add_command(lint)
command.add_command(search)


def _catalogue(folder: Path | None) -> Catalogue:
    from tokenop.catalogue import load
    from tokenop.cli import using

    using.tell(folder)
    return load(folder)


def _warn(catalogue: Catalogue) -> None:
    from tokenop.applying.showing import visible

    broken = sorted({visible(finding.file) for finding in catalogue.findings if finding.severity == "error"})
    if broken:
        click.echo(
            f"{_number(len(broken), 'template')} left out, see `tokenop templates lint`: {broken[0]} …", err=True
        )


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _unknown(template_id: str, catalogue: Catalogue) -> str:
    import difflib

    known = [template.id for template in catalogue.templates]
    near = difflib.get_close_matches(template_id, known, n=1)
    fix = f"did you mean {near[0]}?" if near else f"known: {', '.join(known) or 'none'}"
    return f"no template {template_id!r}; {fix}"


def _summary(template: Template) -> dict[str, Any]:
    return {
        "id": template.id,
        "title": template.title,
        "layer": template.layer,
        "category": template.category,
        "version": template.version,
        "status": template.status,
        "levers": [lever.kind for lever in template.levers],
        "claim": {
            "workload": template.claim.workload,
            "savings_percent": _numbers(template.claim.savings_percent),
        },
        "effort_hours": float(template.implementation.hours),
        "risk": template.risk.level,
    }


def _details(template: Template) -> dict[str, Any]:
    work, quality, risk = template.implementation, template.quality, template.risk
    return {
        **_summary(template),
        "authors": list(template.authors),
        "created": str(template.created),
        "verified_on": str(template.verified_on),
        "stale_after": str(template.stale_after),
        "supersedes": list(template.supersedes),
        "applies_when": template.applies_when,
        "levers": [
            {
                "kind": lever.kind,
                "where": lever.where,
                "parameters": {
                    name: {**_numbers(entry), "evidence": entry.evidence, "source": entry.source}
                    for name, entry in lever.parameters.items()
                },
                "options": _plain(lever.options),
            }
            for lever in template.levers
        ],
        "implementation": {
            "hours": float(work.hours),
            "hourly_rate_usd": float(work.hourly_rate_usd),
            "monthly_running_usd": float(work.monthly_running_usd),
        },
        "quality": {
            "max_absolute_drop": float(quality.max_absolute_drop),
            "golden_tiers": list(quality.golden_tiers),
        },
        "risk": {
            "level": risk.level,
            "blast_radius": risk.blast_radius,
            "rollback_minutes": risk.rollback_minutes,
        },
        "requires": list(template.requires),
        "conflicts": list(template.conflicts),
        "patches": [
            {"target": patch.target, "kind": patch.kind, "merge": patch.merge, "content": patch.content}
            for patch in template.patches
        ],
        "body": template.body,
        "path": str(template.path),
        "sha256": template.sha256,
    }


def _numbers(entry: Any) -> dict[str, float]:
    return {"low": float(entry.low), "expected": float(entry.expected), "high": float(entry.high)}


def _plain(value: Any) -> Any:
    from decimal import Decimal

    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    return float(value) if isinstance(value, Decimal) else value


def _option(value: Any) -> str:
    return ", ".join(str(part) for part in value.values()) if isinstance(value, dict) else str(value)


def _table(templates: list[Template]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    # Ids are copied: of all columns they are never cut.
    table.add_column("id", no_wrap=True, min_width=2 + max(len(template.id) for template in templates))
    table.add_column("category", no_wrap=True)
    for column in ("claim %", "hours"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("risk", no_wrap=True)
    for layer in _LAYERS:
        of_layer = [template for template in templates if template.layer == layer]
        if of_layer:
            table.add_row(f"[bold]{layer}[/bold]")
        for template in of_layer:
            claim = template.claim.savings_percent
            table.add_row(
                f"  {template.id}",
                template.category,
                f"{claim.expected} ({claim.low} to {claim.high})",
                str(template.implementation.hours),
                template.risk.level,
            )
    Console().print(table)


def _show(template: Template) -> None:
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from tokenop.applying.showing import visible

    def plain(text: str, style: str = "") -> Text:
        """Return what others wrote, fit to be shown: escapes in a quoted text of YAML would repaint the terminal."""
        return Text("\n".join(map(visible, text.split("\n"))), style=style)

    console = Console()
    claim, work = template.claim, template.implementation
    facts = Table.grid(padding=(0, 2))
    saving = claim.savings_percent
    for name, value in (
        ("id", f"{template.id} {template.version} ({template.status})"),
        ("layer", f"{template.layer}, {template.category}"),
        ("applies when", template.applies_when),
        ("claim", f"{saving.expected} % ({saving.low} to {saving.high} %) of {claim.workload}"),
        ("effort", f"{work.hours} h at USD {work.hourly_rate_usd}, running USD {work.monthly_running_usd} a month"),
        ("quality", f"may drop by {template.quality.max_absolute_drop}"),
        (
            "risk",
            f"{template.risk.level}; undone in {template.risk.rollback_minutes} min. {template.risk.blast_radius}",
        ),
        ("conflicts", ", ".join(template.conflicts) or "none"),
        ("requires", ", ".join(template.requires) or "none"),
        ("patches", ", ".join(patch.target for patch in template.patches) or "none"),
    ):
        facts.add_row(Text(name, style="bold"), plain(value))
    console.print(plain(template.title, "bold underline"))
    console.print(facts)
    for lever in template.levers:
        console.print(Text(f"\nlever {lever.kind}", style="bold"), plain(f"where {lever.where}", "dim"), sep="\n")
        for name, entry in lever.parameters.items():
            numbers = f"{entry.expected} ({entry.low} to {entry.high}), {entry.evidence}"
            console.print(plain(f"  {name}: {numbers}"))
            console.print(Padding(plain(entry.source, "dim"), (0, 0, 0, 4)))
        for option, setting in lever.options.items():
            console.print(plain(f"  {option}: {_option(setting)}"))
    console.print()
    console.print(Markdown(template.body))
