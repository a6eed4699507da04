"""The optimisation plan as reports read it: strict where a number is shown, indifferent to what they do not show."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import msgspec

from tokenop.errors import Finding, FindingsError, InputError
from tokenop.profile import yaml_guard

_HORIZON = re.compile(r"net_(\d+(?:\.\d+)?)_months_usd")
SIZE_LIMIT = 16 * 1024 * 1024


class Interval(msgspec.Struct, frozen=True):
    """A figure with its interval; a null bound is unknown or, for payback, never reached."""

    p10: Decimal | None
    p50: Decimal | None
    p90: Decimal | None
    expected: Decimal | None = None

    @property
    def mean(self) -> Decimal | None:
        """Return the outcome with every parameter at its expected value; the median where the plan does not say."""
        return self.p50 if self.expected is None else self.expected


class Window(msgspec.Struct, frozen=True, rename={"since": "from"}):
    """The time that the events span."""

    since: str
    until: str
    hours: Decimal
    extrapolated: bool = False
    method: str = "unknown"

    def __post_init__(self) -> None:
        """Refuse what is no time; msgspec makes the error name the field."""
        for text in (self.since, self.until):
            datetime.fromisoformat(text)


class Baseline(msgspec.Struct, frozen=True):
    """Today's traffic and bill within the window."""

    calls: int
    monthly_calls: Decimal | None = None
    window_usd: Decimal | None = None
    priced_cost_share: Decimal | None = None
    coverage: dict[str, Any] = {}
    latency_p95_ms: Decimal | None = None
    sample: bool = False
    tokens_monthly_usd: Decimal | None = None
    infrastructure_monthly_usd: Decimal | None = None


class Change(msgspec.Struct, frozen=True):
    """A resource of the inventory that the plan changes."""

    address: str
    monthly_usd: Decimal
    after_monthly_usd: Decimal
    instance_type: str | None = None
    region: str | None = None
    on_demand: int | None = None


class Infrastructure(msgspec.Struct, frozen=True):
    """The inventory's bill; resources without a known count or price are in no amount."""

    resources: int
    unpriced: int
    monthly_usd: Decimal | None = None
    after_monthly_usd: Decimal | None = None
    reservations_not_stated: int = 0
    changed: int = 0
    changes: list[Change] = []


class Limited(msgspec.Struct, frozen=True):
    """The calls a month that the plan's limits refuse or degrade."""

    calls_rejected: Decimal
    calls_degraded: Decimal
    spend_rejected_usd: Decimal
    spend_degraded_usd: Decimal
    note: str = ""


class Joint(msgspec.Struct, frozen=True):
    """What the chosen templates do together, against their single savings."""

    pooled_monthly_usd: Decimal | None = None
    replayed_monthly_usd: Decimal | None = None
    singles_sum_monthly_usd: Decimal | None = None
    interaction_monthly_usd: Decimal | None = None


class Layer(msgspec.Struct, frozen=True):
    """One layer's part of the joint saving."""

    layer: str
    savings_monthly_usd: Decimal | None = None


class Roi(msgspec.Struct, frozen=True):
    """What a template costs to put in place and when that is earned back."""

    implementation_usd: Decimal | None = None
    running_monthly_usd: Decimal | None = None
    payback_days: Interval | None = None
    net_usd: Interval | None = None


class Risk(msgspec.Struct, frozen=True):
    """How bad it gets if the template is wrong."""

    level: str = "unknown"
    blast_radius: str = ""


class Rollback(msgspec.Struct, frozen=True):
    """How long it takes to undo."""

    minutes: int | None = None


class Swing(msgspec.Struct, frozen=True):
    """What the whole plan saves with one parameter at its low and at its high end."""

    parameter: str
    low_usd: Decimal
    high_usd: Decimal


class Point(msgspec.Struct, frozen=True):
    """One setting that a sweep tried, and what the whole plan then saves."""

    value: Decimal
    savings_monthly_usd: Decimal


class Sweep(msgspec.Struct, frozen=True):
    """What the whole plan saves over a range of settings of one parameter."""

    parameter: str
    points: list[Point]
    best: Decimal | None = None


class Matched(msgspec.Struct, frozen=True):
    """What part of the traffic a template touches."""

    calls: Decimal | None = None
    cost_share: Decimal | None = None


class Chosen(msgspec.Struct, frozen=True):
    """A template of the plan."""

    id: str
    title: str
    layer: str
    order: int
    savings_monthly_usd: Interval
    marginal_monthly_usd: Decimal
    evidence: str = "unknown"
    status: str = "unknown"
    version: str = ""
    category: str = ""
    complexity: str = "unknown"
    effort_hours: Decimal | None = None
    matched: Matched = Matched()
    roi: Roi = Roi()
    risk: Risk = Risk()
    rollback: Rollback = Rollback()
    depends_on: list[str] = []
    sensitivity: list[Swing] = []
    sweeps: list[Sweep] = []


class Rejected(msgspec.Struct, frozen=True):
    """A template that was left out, and why."""

    id: str
    reason: str
    title: str = ""
    layer: str = ""
    code: str = ""
    savings_monthly_usd: Interval | None = None


class Inputs(msgspec.Struct, frozen=True):
    """What the plan was made from."""

    events_hash: str
    prices_hash: str
    inventory_hash: str | None = None
    commit: str | None = None
    templates_hash: str | None = None
    seed: int | None = None
    draws: int | None = None
    tokenop_version: str | None = None


class Plan(msgspec.Struct, frozen=True):
    """An `optimization-plan.yaml`."""

    known_bill: Decimal | None = msgspec.field(name="baseline_monthly_usd")
    savings_monthly_usd: Interval
    net_usd: Interval
    net_months: Decimal
    window: Window
    baseline: Baseline
    inputs: Inputs
    schema_version: int = 1
    joint: Joint = Joint()
    layers: list[Layer] = []
    chosen: list[Chosen] = []
    rejected: list[Rejected] = []
    policy: dict[str, Any] = {}
    infrastructure: Infrastructure | None = None
    limited: Limited | None = None

    @property
    def unpriced(self) -> bool:
        """Return whether nothing has a known price: then the bill is unknown, which is not 0."""
        return self.known_bill is None

    @property
    def baseline_monthly_usd(self) -> Decimal:
        """Return today's monthly bill as far as it is known: 0 where nothing is (see `unpriced`)."""
        return self.known_bill or Decimal(0)

    @property
    def after_monthly_usd(self) -> Decimal:
        """Return the monthly bill with the plan in place, in the median outcome."""
        return self.baseline_monthly_usd - (self.savings_monthly_usd.p50 or Decimal(0))


def read(path: Path) -> Plan:
    """Read the plan at `path`.

    Raises:
        InputError: the file is not there, too large, or not YAML.
        FindingsError: a field is missing or has the wrong type; the message names it.
    """
    try:
        if path.stat().st_size > SIZE_LIMIT:
            raise InputError(f"{path}: larger than {SIZE_LIMIT // 2**20} MB, this is not an optimisation plan")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError(f'{path}: there is no plan here; run "tokenop plan" first or name one with --plan') from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text: {error}") from error
    return parse(text, str(path))


def parse(text: str, file: str) -> Plan:
    """Read the plan in `text`; `file` is the name used in messages.

    Raises:
        InputError: not YAML, or of a schema version that is not known here.
        FindingsError: a field is missing or has the wrong type.
    """
    import yaml

    try:
        yaml_guard.check(text, file)
        loaded = yaml.load(text, Loader=_loader())  # noqa: S506 a SafeLoader that reads decimals exactly
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{file}: not readable as YAML: {' '.join(str(error).split())}") from error
    window = loaded.get("window") if isinstance(loaded, dict) else None
    if isinstance(window, dict) and "from" in window and window["from"] is None:
        raise InputError(f"{file}: made from an inventory alone; there are no calls to report on")
    try:
        plan = msgspec.convert(_with_horizon(loaded), Plan)
    except msgspec.ValidationError as error:
        raise FindingsError([_finding(file, str(error))]) from error
    if field := _not_finite(msgspec.to_builtins(plan, builtin_types=(Decimal,))):
        raise FindingsError([_finding(file, f"not a finite number - at `$.{field}`")])
    if plan.schema_version != 1:
        raise InputError(f"{file}: schema_version {plan.schema_version} is not known; this tokenop reads version 1")
    return plan


def _with_horizon(loaded: Any) -> Any:
    """Return the document with `net_<months>_months_usd`, named after the policy's horizon, as `net_usd`."""
    if not isinstance(loaded, dict):
        return loaded
    named = {key: found[1] for key in loaded if (found := _HORIZON.fullmatch(str(key)))}
    if len(named) != 1:
        return loaded
    ((key, months),) = named.items()
    chosen = loaded.get("chosen")
    for entry in chosen if isinstance(chosen, list) else []:
        roi = entry.get("roi") if isinstance(entry, dict) else None
        if isinstance(roi, dict) and key in roi:
            roi["net_usd"] = roi.pop(key)
    return {**loaded, "net_usd": loaded[key], "net_months": Decimal(months)}


def _not_finite(value: Any, path: str = "") -> str:
    """Return the path of the first number that is infinite or not a number; empty when all are sound."""
    if isinstance(value, Decimal):
        return "" if value.is_finite() else path
    children: Any = ()
    if isinstance(value, dict):
        children = ((f"{path}.{key}" if path else str(key), child) for key, child in value.items())
    elif isinstance(value, list):
        children = ((f"{path}[{place}]", child) for place, child in enumerate(value))
    return next((found for place, child in children if (found := _not_finite(child, place))), "")


def _finding(file: str, message: str) -> Finding:
    text, _, path = message.partition(" - at ")
    field = re.sub(r"^`\$\.?|`$", "", path) or "plan"
    return Finding(file, 0, field, "plan-schema", "error", text, fix='run "tokenop plan" again')


def _loader() -> Any:  # the class is made here, since yaml is imported late and its stubs know no C loader
    import yaml

    class PlanLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Read floating-point numbers as exact decimals and times as the text they are."""

    def decimal(loader: Any, node: Any) -> Decimal:
        try:
            return Decimal(str(loader.construct_scalar(node)).replace("_", ""))
        except InvalidOperation as error:
            raise ValueError(f"{node.value} is no amount (line {node.start_mark.line + 1})") from error

    def text(loader: Any, node: Any) -> str:
        return str(loader.construct_scalar(node))

    PlanLoader.add_constructor("tag:yaml.org,2002:float", decimal)
    PlanLoader.add_constructor("tag:yaml.org,2002:timestamp", text)
    return PlanLoader
