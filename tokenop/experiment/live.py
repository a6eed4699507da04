"""A run from its options to its files."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenop.errors import FindingsError, InputError
from tokenop.evals import spend
from tokenop.experiment import asking, checking, entry, judge, patching, planned, report, setup, store, targets
from tokenop.experiment.judge import Judging
from tokenop.experiment.running import Ran, Runner
from tokenop.experiment.sides import Answering
from tokenop.experiment.sources import Live, Replayed
from tokenop.providers.base import Target, Timeouts
from tokenop.routing.chain import Policy, policy_of
from tokenop.routing.targets import is_local

if TYPE_CHECKING:
    from tokenop.catalogue.model import Template
    from tokenop.experiment.model import Prompt
    from tokenop.experiment.outcomes import Asked
    from tokenop.prices.book import PriceBook
    from tokenop.providers.model import Request
    from tokenop.routing.model import RoutingConfig

SAMPLE = "sample"
SAMPLE_SIZE = 100
SLEEP = time.sleep
TIMEOUT = 60.0
_HEAD = "# Written by `tokenop run`. Amounts are US dollars; quality is 0 to 1; shares are of 1.\n"


@dataclass(frozen=True)
class Options:
    """What `tokenop run` is given; see its help."""

    plan: Path | None
    prompts: Path | None
    events: Path | None
    sample_size: int | None
    early_stopping: bool
    baseline: str | None
    candidates: tuple[str, ...]
    config: Path | None
    max_drop: Decimal | None
    budget: Decimal | None
    judges: tuple[str, ...]
    recordings: Path | None
    templates_dir: Path | None
    out: Path
    seed: int
    parallel: int
    timeout: float | None
    minutes: float
    max_output_tokens: int | None


@dataclass(frozen=True)
class Finished:
    """A run that ended, its report, and where it stands."""

    measured: report.Measured
    document: dict[str, Any]
    folder: Path
    files: tuple[Path, ...]


class _Anybody:
    """Everybody can be asked, since nobody is."""

    def unusable(self, target: Target) -> str | None:  # noqa: ARG002 the shape of any source
        """Return None."""
        return None


@dataclass(frozen=True)
class _Ready:
    setup: setup.Setup
    book: PriceBook
    templates: tuple[Template, ...]
    source: Live | Replayed
    run_id: str


def run(
    options: Options, say: Callable[[str], None] = lambda _: None, clock: Callable[[], float] = time.monotonic
) -> Finished:
    """Ask, judge, and write the files of the run; `clock` counts seconds.

    Raises:
        FindingsError: prompts, plan or recordings have errors.
        InputError: somebody who is needed cannot be asked.
    """
    ready = _ready(options, say)
    folder = options.out / ready.run_id
    answers = store.Store(folder / store.FILE)
    try:
        ran, judged = _ran(options, ready, answers, say, clock)
        replies = tuple(answers)
    finally:
        answers.close()
        ready.source.close()
    measured = report.Measured(ready.setup, ran, replies, ready.book.hash, _source_name(options), judged)
    return _write(measured, ready.templates, ready.run_id, folder)


def dry(options: Options) -> dict[str, Any]:
    """Return who would be asked what, and what that may cost at most; nothing is asked."""
    ready = _ready(options, lambda _: None, asking_nobody=True)
    found, now = ready.setup, datetime.now(UTC)
    worst: list[Decimal | None] = []
    for prompt in found.order:
        asked = asking.request(prompt, options.max_output_tokens)
        whom = [found.today(prompt)[0]]
        for one in found.candidates:
            moves = [move for move in one.moves if move.concerns(prompt.id)]
            whom += [(move.asked(prompt.id) or found.today(prompt))[0] for move in moves]
        worst += [_worst(asked, ready.book, target, now) for target in whom]
        worst += _judging(found, prompt, asked, ready.book, now)
    known = [cost for cost in worst if cost is not None]
    chains = [*map(found.today, found.order), *found.judges, *(one.targets for one in found.candidates)]
    everybody = {targets.full_name(target): target for chain in chains for target in chain}
    reasons = {name: why for name, one in sorted(everybody.items()) if (why := ready.source.unusable(one)) is not None}
    return {
        "run": ready.run_id,
        "folder": str(options.out / ready.run_id),
        "baseline": found.baseline_name,
        "candidates": [
            {"name": one.name, "title": one.title, "allowed_drop": float(one.tolerance)} for one in found.candidates
        ],
        "not_evaluated": [{"template": one.template, "lever": one.lever, "why": one.why} for one in found.skipped],
        "not_usable": reasons,
        "prompts": len(found.order),
        "calls_at_most": len(worst),
        "worst_case_usd": float(sum(known, Decimal(0))),
        "calls_without_a_known_price": len(worst) - len(known),
    }


def _judging(
    found: setup.Setup, prompt: Prompt, asked: Request, book: PriceBook, now: datetime
) -> list[Decimal | None]:
    """Return what the judges' calls about a prompt cost at worst, each answer as long as it may be."""
    if prompt.check is not None or prompt.reference is not None:
        return []
    longest = judge.longest(asked.max_output_tokens or asking.DEFAULT_MAX_OUTPUT)
    question = judge.question(prompt, longest, longest)
    calls: list[Decimal | None] = []
    for one in found.candidates:
        if one.concerned is None or prompt.id in one.concerned:
            times = 4 if judge.repeated(prompt.id, one.name) else 2
            calls += [_worst(question, book, chain[0], now) for chain in found.judges] * times
    return calls


def _ready(options: Options, say: Callable[[str], None], *, asking_nobody: bool = False) -> _Ready:
    import tempfile

    from tokenop.database import connect
    from tokenop.prices import book as prices

    say("reading prices, templates and prompts")
    book, now = prices.load(), datetime.now(UTC)
    source: Live | Replayed
    if options.recordings is not None:
        source = Replayed(sample_folder() / "recordings" if str(options.recordings) == SAMPLE else options.recordings)
    else:
        source = Live(os.environ)
    wanted = setup.Wanted(
        plan=None if options.plan is None else planned.read(options.plan),
        prompts=sample_folder() / "prompts.jsonl" if str(options.prompts) == SAMPLE else options.prompts,
        events=options.events,
        baseline=options.baseline,
        candidates=options.candidates,
        judges=options.judges,
        config=None if options.config is None else _config(options.config),
        sample_size=options.sample_size or SAMPLE_SIZE,
        max_drop=options.max_drop,
        max_output=options.max_output_tokens,
        early=options.early_stopping,
        seed=options.seed,
    )
    named = wanted.plan is None and (wanted.candidates or wanted.config is not None)
    templates = () if named else _templates(options.templates_dir)
    with tempfile.TemporaryDirectory(prefix="tokenop-") as scratch, connect() as connection:
        usable = _Anybody() if asking_nobody else source
        found = setup.prepare(wanted, connection, book, templates, usable, now, Path(scratch))
    if options.budget is not None and not asking_nobody:
        _priced(found, book, now)
    return _Ready(found, book, templates, source, setup.run_id(found, _source_name(options)))


def _config(path: Path) -> RoutingConfig:
    from tokenop import routing

    return routing.load(path)


def sample_folder() -> Path:
    """Return the folder of the made-up prompts and answers that ship."""
    return Path(__file__).with_name("sample")


def _templates(folder: Path | None) -> tuple[Template, ...]:
    from tokenop.catalogue import loader

    catalogue = loader.load(folder)
    errors = [finding for finding in catalogue.findings if finding.severity == "error"]
    if errors:
        raise FindingsError(errors, "these templates must be mended before a run can be made")
    return catalogue.templates


def _priced(found: setup.Setup, book: PriceBook, now: datetime) -> None:
    """Raise InputError where a ceiling cannot be kept: a model that is paid by the token and has no known price."""
    chains = [*map(found.today, found.order), *found.judges]
    chains += [one.targets for one in found.candidates]
    asked = {targets.full_name(target): target for chain in chains for target in chain}
    unknown = [
        f"{name}: has no known price, so no ceiling can be kept; leave --budget out, or add a dated price"
        for name, target in sorted(asked.items())
        if not is_local(target) and book.at(targets.biller_of(target), target.model, now) is None
    ]
    if unknown:
        raise InputError("\n".join(unknown))


def _worst(request: Any, book: PriceBook, target: Any, now: datetime) -> Decimal | None:
    return spend.worst_case(request.to(target.model), book, targets.biller_of(target), target.model, now)


def _ran(
    options: Options, ready: _Ready, answers: store.Store, say: Callable[[str], None], clock: Callable[[], float]
) -> tuple[Ran, dict[str, Any] | None]:
    end = clock() + 60 * options.minutes
    # What an earlier start of the same run paid belongs to the same budget.
    left = None if options.budget is None else max(options.budget - answers.spent, Decimal(0))
    asker = asking.Asker(
        store=answers,
        sender=ready.source,
        purse=asking.Purse(spend.Ceiling(left, allow_unknown=True)),
        book=ready.book,
        now=lambda: datetime.now(UTC),
        seconds_left=lambda: end - clock(),
        policy=_policy(ready.setup.wanted.config),
        timeouts=None if options.timeout is None else _timeouts(options.timeout),
        sleep=SLEEP,
        usable=ready.source.unusable,
    )
    found = ready.setup
    answering = Answering(found.today, found.all_prompts, asker.ask, checking.guard, options.max_output_tokens)
    judging = Judging(found.judges, partial(asker.ask, role="judge")) if found.judges else None
    runner = Runner(
        order=found.order,
        candidates=found.candidates,
        answering=answering,
        check=checking.check,
        judge=judging,
        confidence=found.wanted.confidence,
        early=options.early_stopping,
        parallel=options.parallel,
        told=say,
    )
    return runner.run(), None if judging is None else judging.as_dict()


def _policy(config: RoutingConfig | None) -> Policy:
    """Return how long, and how often, is asked: what a routing config says, since it is what users will get."""
    return Policy(asking.RETRY, _timeouts(TIMEOUT)) if config is None else policy_of(config)


def _timeouts(seconds: float) -> Timeouts:
    return Timeouts(connect=min(Timeouts().connect, seconds), first_token=seconds, total=seconds)


def _source_name(options: Options) -> str:
    return "live" if options.recordings is None else f"recordings: {options.recordings.name}"


def offline(asked: Asked, out: Path, say: Callable[[str], None] = lambda _: None) -> Finished:
    """Evaluate routing policies on recorded outcomes, and write the files of the run; see `outcomes.evaluate`."""
    from tokenop.experiment import outcomes
    from tokenop.prices import book as prices

    measured = outcomes.evaluate(asked, datetime.now(UTC), prices.load().hash, say)
    return _write(measured, (), measured.setup.run_id, out / measured.setup.run_id)


def _write(measured: report.Measured, templates: tuple[Template, ...], run_id: str, folder: Path) -> Finished:
    from tokenop.files import write_text
    from tokenop.profile.yaml_text import dump

    document = report.document(measured, run_id)
    shown = next(one for one in document["candidates"] if one["name"] == measured.shown.name)
    texts = {
        "evaluation-report.yaml": _HEAD + dump(document),
        entry.FILE: _HEAD + dump(entry.document(measured, run_id, shown)),
    }
    patches = patching.files(measured, run_id, templates)
    texts |= {f"patches/{name}": text for name, text in patches.items()}
    for name, text in sorted(texts.items()):
        write_text(folder / name, text)
    return Finished(measured, document, folder, tuple(folder / name for name in sorted(texts)))
