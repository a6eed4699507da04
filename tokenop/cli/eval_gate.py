"""`tokenop eval gate`."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from tokenop.cli import evaluating
from tokenop.errors import FindingsError, InputError, MisuseError

if TYPE_CHECKING:
    from tokenop.comparison.revisions import Repository
    from tokenop.evals.gate import Verdict
    from tokenop.evals.model import Task
    from tokenop.evals.sides import Side

_FORMATS = ("text", "json", "github", "markdown")
_FOLDER = "templates/routing/"
_DEFAULT = "templates/routing/default.yaml"
_NULL = "0" * 40  # what git says where there is no commit before


@click.command(
    name="gate",
    epilog="""\b
Examples:
  tokenop eval gate --baseline main:templates/routing/default.yaml --candidate templates/routing/default.yaml
  tokenop eval gate --baseline validations/golden/baseline.json --candidate runs/eval/20260301T120000Z-0123456789.jsonl
  tokenop eval gate --baseline validations/golden/samples/routing-before.yaml \\
    --candidate validations/golden/samples/routing-worse.yaml --recordings validations/golden/samples
  tokenop eval gate --hook templates/routing/default.yaml
""",
)
@click.argument("changed", nargs=-1, metavar="[FILE]...")
@click.option("--baseline", metavar="A", help="What stands: a run, a baseline.json, a config, or REV:path of one.")
@click.option("--candidate", metavar="B", help="What is to come: the same.")
@click.option("--hook", is_flag=True, help="As a git hook: hold each FILE to git's last state; count what can be run.")
@click.option("--threshold", type=click.IntRange(0), help="Most regressions that pass. [default: 3; with --hook: 5]")
@click.option(
    "--margin",
    type=click.FloatRange(0, 0.12),
    help="Drop to rule out where tasks suffice. [default: the config's max_quality_drop, 0.01 for runs]",
)
@evaluating.tier_option
@evaluating.tasks_option
@click.option("--recordings", type=click.Path(path_type=Path), help="[default: validations/golden/recordings]")
@evaluating.prices_option
@click.option("--overrides", type=click.Path(path_type=Path), help="[default: validations/golden/overrides.yaml]")
@click.option(
    "--today", type=click.DateTime(["%Y-%m-%d"]), help="Judge overrides as of this day. [default: today, UTC]"
)
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", help="How to print. [default: text]")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def command(
    changed: tuple[str, ...],
    baseline: str | None,
    candidate: str | None,
    hook: bool,
    threshold: int | None,
    margin: float | None,
    tiers: tuple[str, ...],
    tasks_dir: Path | None,
    recordings: Path | None,
    prices_file: Path | None,
    overrides: Path | None,
    today: datetime | None,
    form: str,
    as_json: bool,
) -> int:
    """Stop a change of routing that makes answers worse.

    Runs and baselines are compared as they were measured; configs are answered from recordings, without a network.
    Exit code 0 pass, 1 fail or inconclusive. Somebody may answer for an inconclusive change in
    validations/golden/overrides.yaml; nothing overrides a fail.
    """
    from tokenop.evals import gate

    limit = threshold if threshold is not None else gate.HOOK_LIMIT if hook else gate.LIMIT
    form = "json" if as_json else form
    asked = Asked(tiers, tasks_dir, recordings, prices_file, limit, margin, runnable_only=hook)
    if hook:
        return _hook(changed, baseline, asked, form)
    if changed or not (baseline and candidate):
        raise MisuseError("give --baseline and --candidate, or --hook with the files that changed")
    verdict = judged(baseline, candidate, asked)
    day = (today or datetime.now(UTC)).date()
    return _told(verdict, form, overrides, day)


class Asked(NamedTuple):
    """How two sides are to be compared. No tiers: those that the configs must keep. No margin: the configs' own."""

    tiers: tuple[str, ...] = ()
    tasks_dir: Path | None = None
    recordings: Path | None = None
    prices: Path | None = None
    limit: int = 3
    margin: float | None = None
    runnable_only: bool = False


def judged(baseline: str, candidate: str, asked: Asked) -> Verdict:
    """Return the gate's verdict on two sides, each named as on the command line.

    Raises:
        FindingsError: one of them, or a recording, has errors.
        InputError: one of them cannot be read.
    """
    from tokenop.evals import gate

    tasks = {task.id: task for task in evaluating.load_tasks(asked.tasks_dir, asked.tiers)}
    before, after = (_side(name, tasks, asked) for name in (baseline, candidate))
    rules = gate.Rules(asked.limit, runnable_only=asked.runnable_only)
    return gate.kept(before, after, tasks, asked.tiers, asked.margin, rules)


def _side(name: str, tasks: Mapping[str, Task], asked: Asked) -> Side:
    from tokenop.evals import baseline, results
    from tokenop.evals.sides import Measured

    path = evaluating.located(Path(name))
    if path.suffix in (".jsonl", ".json"):
        found = results.read(path) if path.suffix == ".jsonl" else baseline.read(path)
        return Measured.of(name, found.info.config_sha256, found.outcomes)
    if path.suffix not in (".yaml", ".yml"):
        raise MisuseError(f"{name}: is neither results (.jsonl), a baseline (.json) nor a routing config (.yaml)")
    if path.exists() or ":" not in name:
        return _configured(path, name, tasks, asked)
    with _at_revision(name) as extracted:
        return _configured(extracted, name, tasks, asked)


def _configured(path: Path, name: str, tasks: Mapping[str, Task], asked: Asked) -> Side:
    from tokenop.evals.configured import configured

    config, config_sha256 = evaluating.load_config(path)
    kept = evaluating.load_recordings(asked.recordings)
    return configured(name, config_sha256, config, tasks, kept, evaluating.load_prices(asked.prices))


@contextlib.contextmanager
def _at_revision(name: str) -> Iterator[Path]:
    """Yield a file with what `REV:path` is; what is wrong in it is told of that name."""
    from tokenop.comparison.revisions import Repository

    revision, _, inside = name.partition(":")
    if revision.startswith("-"):
        raise MisuseError(f"{name}: no revision begins with -")
    repository = Repository(Path.cwd())
    text = repository.at(repository.base(revision), inside)
    if text is None:
        raise InputError(f"{name}: git has no such file; name it as REV:path/from/the/root")
    with tempfile.TemporaryDirectory(prefix="tokenop-") as folder:
        path = Path(folder) / Path(inside).name
        path.write_bytes(text.encode("utf-8"))  # as it is: overrides are for its bytes
        try:
            yield path
        except FindingsError as error:
            raise FindingsError(
                [replace(one, file=name if one.file == str(path) else one.file) for one in error.findings]
            ) from error


def _told(verdict: Verdict, form: str, overrides: Path | None, day: Any) -> int:
    """Print the verdict; return the exit code."""
    from tokenop.catalogue.linting.text import visible
    from tokenop.cli import eval_gate_text as text
    from tokenop.evals import overrides as overriding
    from tokenop.evals import tasks

    entries = overriding.load(overrides or tasks.shipped() / "overrides.yaml")
    override, others = overriding.applying(entries, verdict.config_sha256, day)
    if form == "json":
        click.echo(json.dumps(text.as_dict(verdict, override, others), indent=2))
    elif form == "markdown":
        click.echo("\n".join(text.markdown(verdict, override, others)))
    else:
        told = text.github(verdict, override, others) if form == "github" else text.lines(verdict, override, others)
        for line in told:
            click.echo(line if form == "github" else visible(line))
    return 0 if text.passes(verdict, override) else 1


def _hook(changed: tuple[str, ...], baseline: str | None, asked: Asked, form: str) -> int:
    """Hold each changed config to what git has of it; return 1 where one fails."""
    from tokenop.cli import eval_gate_text as text
    from tokenop.comparison.revisions import Repository

    repository = Repository(Path.cwd())
    base = _base(repository, baseline)
    worst = 0
    for path in sorted(path for path in changed if path.endswith((".yaml", ".yml")) and Path(path).is_file()):
        known = _known(repository, base, path)
        if known is None:
            click.echo(f"{path}: new, and there is no {_DEFAULT} before it to compare it with")
            continue
        if told := _unreadable(f"{base}:{known}"):
            evaluating.load_config(Path(path))
            click.echo(f"{path}: not compared, since what stood there before has errors: {told}")
            continue
        verdict = judged(f"{base}:{known}", path, asked)
        if form == "json":
            click.echo(json.dumps(text.as_dict(verdict), indent=2))
        else:
            for line in text.lines(verdict):
                click.echo(f"{path}: {line.strip()}")
        worst = max(worst, int(verdict.decision == "fail"))
    return worst


def _base(repository: Repository, named: str | None) -> str | None:
    """Return the commit that a hook compares with: what is pushed to, or what is committed; None before the first.

    Raises:
        InputError: it is not here.
    """
    pushed = os.environ.get("PRE_COMMIT_FROM_REF", "")
    wanted = named or (pushed if pushed != _NULL else "")
    if wanted:
        return repository.base(wanted)
    try:
        return repository.base("HEAD")
    except InputError:
        return None


def _known(repository: Repository, base: str | None, path: str) -> str | None:
    """Return the path of what a file is held to: of itself, or of the default where it is new."""
    if base is None:
        return None
    file = Path(path).resolve()
    own = [file.relative_to(repository.root).as_posix()] if file.is_relative_to(repository.root) else []
    return next((each for each in (*own, _DEFAULT) if repository.at(base, each) is not None), None)


def _unreadable(name: str) -> str | None:
    """Return what is wrong in a config of a commit; None where it can be read."""
    with _at_revision(name) as path:
        try:
            evaluating.load_config(path)
        except FindingsError as error:
            return error.findings[0].message
    return None
