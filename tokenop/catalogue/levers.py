"""The lever kinds as data: which parameters and options each takes, their bounds and what they mean.

The engine's module for a kind (`tokenop.economics.levers`) does the arithmetic; this table is what templates are
checked against and what the documentation is written from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from tokenop.catalogue.vocabulary import EVENT_COLUMNS, RESOURCE_COLUMNS

OptionType = Literal["choice", "integer", "number", "boolean", "target"]


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """A number that the author gives as a range. `above` excludes that bound itself, `minimum`/`maximum` include it."""

    name: str
    description: str
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    above: Decimal | None = None
    required: bool = True
    only: tuple[str, str] | None = None  # an option and the choice that the parameter belongs to

    def complaint(self, value: Decimal) -> str | None:
        """Return what is wrong with `value`, None where it is within bounds."""
        if self.above is not None and value <= self.above:
            return f"must be above {self.above}"
        if self.minimum is not None and value < self.minimum:
            return f"must be at least {self.minimum}"
        if self.maximum is not None and value > self.maximum:
            return f"must be at most {self.maximum}"
        return None


@dataclass(frozen=True, slots=True)
class OptionSpec:
    """A setting that is known exactly. A `target` is a mapping of provider and model."""

    name: str
    type: OptionType
    description: str
    required: bool = False
    default: object = None
    choices: tuple[str, ...] = ()
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    only: tuple[str, str] | None = None  # another option and the choice that this one belongs to


@dataclass(frozen=True, slots=True)
class LeverSpec:
    """One lever kind. Its `where` is asked about each call, or about each resource of the inventory."""

    kind: str
    summary: str
    parameters: tuple[ParameterSpec, ...]
    options: tuple[OptionSpec, ...] = ()
    acts_on: Literal["calls", "resources"] = "calls"

    @property
    def columns(self) -> Mapping[str, str]:
        """Return what `where` may name, with types."""
        return EVENT_COLUMNS if self.acts_on == "calls" else RESOURCE_COLUMNS

    def parameters_with(self, options: Mapping[str, object]) -> tuple[ParameterSpec, ...]:
        """Return the parameters that belong to a lever with these options."""
        chosen = self.with_defaults(options)
        return tuple(spec for spec in self.parameters if spec.only is None or chosen.get(spec.only[0]) == spec.only[1])

    def options_with(self, options: Mapping[str, object]) -> tuple[OptionSpec, ...]:
        """Return the options that belong to a lever with these options."""
        chosen = self.with_defaults(options)
        return tuple(spec for spec in self.options if spec.only is None or chosen.get(spec.only[0]) == spec.only[1])

    def with_defaults(self, options: Mapping[str, object]) -> dict[str, object]:
        """Return `options` with what is absent set to its default, where it has one."""
        defaults = {
            spec.name: spec.default
            for spec in self.options
            if spec.default is not None and (spec.only is None or options.get(spec.only[0]) == spec.only[1])
        }
        return {**defaults, **options}


_ZERO, _ONE = Decimal(0), Decimal(1)


def _share(name: str, description: str, only: tuple[str, str] | None = None, *, required: bool = True) -> ParameterSpec:
    return ParameterSpec(name, description, minimum=_ZERO, maximum=_ONE, required=required, only=only)


def _signed(name: str, description: str) -> ParameterSpec:
    return ParameterSpec(name, description, minimum=-_ONE, maximum=_ONE)


def _positive(name: str, description: str) -> ParameterSpec:
    return ParameterSpec(name, description, above=_ZERO)


def _money(name: str, description: str) -> ParameterSpec:
    return ParameterSpec(name, description, minimum=_ZERO)


_SHARE = _share("share", "Part of the matching calls that the change reaches.")
_TOKENISER = _positive(
    "tokeniser_ratio", "Tokens of the new model per token of the old one for the same text; 1 where both count alike."
)
_LATENCY = _positive(
    "latency_ratio", "Latency of the new model over that of the old; used only where the events never show the new one."
)

_DOWNGRADE = ("action", "downgrade")
_SPOT, _RESERVED, _AUTOSCALE, _CONSOLIDATE = (
    ("change", name) for name in ("spot", "reserved", "autoscale", "consolidate")
)

SPECS: Mapping[str, LeverSpec] = {
    spec.kind: spec
    for spec in (
        LeverSpec(
            "trim",
            "Fewer (or more) tokens for the same call.",
            (
                _SHARE,
                _signed("input_reduction", "Part of the input tokens that goes away; negative where the prompt grows."),
                _signed("output_reduction", "Part of the output tokens that goes away; negative where answers grow."),
            ),
        ),
        LeverSpec(
            "response_cache",
            "Answers repeated requests from a cache, so that the call is not made.",
            (
                _SHARE,
                _share(
                    "hit_rate", "Exact repeats among the calls; used only where events carry no prompt_hash to count."
                ),
                _share(
                    "semantic_uplift",
                    "Part of the other calls that a look-up by similarity also answers; 0 for an exact cache.",
                ),
                _share("false_hit_rate", "Part of the hits that were wrong and are asked again, and paid."),
                _money("lookup_usd", "Cost of one look-up (embedding and store), paid on every call."),
            ),
            (
                OptionSpec(
                    "window_hours",
                    "number",
                    "How long an answer stays in the cache.",
                    default=24,
                    minimum=Decimal("0.01"),
                    maximum=Decimal(8766),
                ),
                OptionSpec(
                    "threshold",
                    "number",
                    "Cosine similarity from which two prompts count as the same.",
                    minimum=_ZERO,
                    maximum=_ONE,
                ),
            ),
        ),
        LeverSpec(
            "prompt_cache",
            "Reads the stable beginning of a prompt from the provider's cache.",
            (
                _SHARE,
                _share(
                    "stable_share",
                    "Part of the input that is a stable beginning; used only where events carry no prefix_hashes.",
                ),
            ),
            (
                OptionSpec("ttl", "choice", "Lifetime of a cache entry.", default="5m", choices=("5m", "1h")),
                OptionSpec(
                    "min_tokens",
                    "integer",
                    "Shortest prompt that the provider caches, in tokens.",
                    default=1024,
                    minimum=_ZERO,
                    maximum=Decimal(1_000_000),
                ),
            ),
        ),
        LeverSpec(
            "reroute",
            "Sends calls to another model.",
            (
                _SHARE,
                _TOKENISER,
                _share("fallback_rate", "Part of the re-routed calls done again on the old model; both are paid."),
                _LATENCY,
            ),
            (OptionSpec("to", "target", "The model that answers instead.", required=True),),
        ),
        LeverSpec(
            "cascade",
            "Asks a cheap model first and the old one where the answer does not pass a check.",
            (
                _SHARE,
                _share("escalation_rate", "Part of the calls whose cheap answer does not pass; both are paid."),
                _TOKENISER,
                _LATENCY,
                _money("verifier_usd", "Cost of checking one cheap answer."),
            ),
            (OptionSpec("to", "target", "The cheap model that answers first.", required=True),),
        ),
        LeverSpec(
            "batch",
            "Sends calls that can wait through the provider's batch API; the discount comes from the price book.",
            (_share("share", "Part of the matching calls that can wait for hours."),),
        ),
        LeverSpec(
            "self_host",
            "Serves the tokens on GPUs of one's own (rented by the hour) instead of buying them.",
            (
                _SHARE,
                _positive("prefill_tokens_per_gpu_second", "Input tokens that one GPU processes a second."),
                _positive("decode_tokens_per_gpu_second", "Output tokens that one GPU generates a second, batched."),
                ParameterSpec(
                    "target_utilisation",
                    "Part of a GPU's throughput that the peak hour may use.",
                    above=_ZERO,
                    maximum=_ONE,
                ),
                _money("gpu_hour_usd", "Price of one GPU for an hour."),
                _money("ops_monthly_usd", "People and tooling to run it, a month."),
            ),
            (
                OptionSpec(
                    "gpus_per_replica",
                    "integer",
                    "GPUs that one copy of the model needs.",
                    default=1,
                    minimum=_ONE,
                    maximum=Decimal(1024),
                ),
                OptionSpec(
                    "min_replicas",
                    "integer",
                    "Copies that stay up when nothing is asked.",
                    default=1,
                    minimum=_ZERO,
                    maximum=Decimal(1024),
                ),
                OptionSpec(
                    "autoscale",
                    "boolean",
                    "Whether replicas follow the load hour by hour; otherwise the peak is paid all month.",
                    default=False,
                ),
            ),
        ),
        LeverSpec(
            "budget",
            "Refuses or downgrades what a team spends past a limit. What it saves is work not done, or done worse.",
            (
                _share("share", "Part of the matching calls that the limit is enforced on."),
                ParameterSpec("limit_usd", "What each group may spend in each period.", above=_ZERO),
                ParameterSpec(
                    "tokeniser_ratio",
                    "Tokens of the cheaper model per token of today's; 1 where both count alike.",
                    above=_ZERO,
                    only=_DOWNGRADE,
                ),
            ),
            (
                OptionSpec(
                    "per",
                    "choice",
                    "Who has a limit of their own. Calls that do not say who they belong to are left alone.",
                    required=True,
                    choices=("tenant", "user_id", "department", "intent", "all"),
                ),
                OptionSpec(
                    "period",
                    "choice",
                    "When the limit starts anew, in UTC. Where the log holds a part of one, that part of the limit.",
                    required=True,
                    choices=("day", "month"),
                ),
                OptionSpec(
                    "action",
                    "choice",
                    "What happens past the limit: the call fails, or a cheaper model answers it.",
                    required=True,
                    choices=("reject", "downgrade"),
                ),
                OptionSpec("to", "target", "The cheaper model.", required=True, only=_DOWNGRADE),
            ),
        ),
        LeverSpec(
            "capacity",
            "Pays less for the on-demand instances of the inventory: spot, a commitment, none while they idle, or "
            "fewer that each serve more.",
            (
                _share("share", "Part of the matching on-demand instance hours that the change reaches."),
                _share(
                    "discount",
                    "Part of the on-demand price that spot takes off; used where the inventory has no spot price.",
                    _SPOT,
                ),
                ParameterSpec(
                    "interruption_overhead",
                    "Extra hours for work that an interruption undoes, per hour moved.",
                    minimum=_ZERO,
                    only=_SPOT,
                ),
                _share(
                    "on_demand_floor",
                    "Part of the matching hours that stays on-demand whatever the share.",
                    _SPOT,
                    required=False,
                ),
                _share(
                    "discount",
                    "Part of the on-demand price that a commitment of one year takes off; used where the inventory "
                    "has no such price.",
                    _RESERVED,
                ),
                ParameterSpec(
                    "commitment_unused",
                    "Part of the committed hours that is paid and not used; above the discount, money is lost.",
                    minimum=_ZERO,
                    maximum=Decimal("0.99"),
                    only=_RESERVED,
                ),
                _share("idle_share", "Part of those hours in which the instances do nothing.", _AUTOSCALE),
                ParameterSpec(
                    "throughput_gain",
                    "How much more one instance serves at the same latency: 0.5 means half as much again, so that two "
                    "do the work of three. Negative where it serves less.",
                    minimum=Decimal("-0.9"),
                    maximum=Decimal(20),
                    only=_CONSOLIDATE,
                ),
            ),
            (
                OptionSpec(
                    "change",
                    "choice",
                    "What becomes of the hours.",
                    required=True,
                    choices=("spot", "reserved", "autoscale", "consolidate"),
                ),
                OptionSpec(
                    "min_replicas",
                    "integer",
                    "Instances of a resource that stay up when nothing is asked.",
                    default=1,
                    minimum=_ZERO,
                    maximum=Decimal(1024),
                    only=_AUTOSCALE,
                ),
                OptionSpec(
                    "min_instances",
                    "integer",
                    "Instances of a resource that stay however fast each becomes: two where one may fail.",
                    default=1,
                    minimum=_ONE,
                    maximum=Decimal(1024),
                    only=_CONSOLIDATE,
                ),
            ),
            acts_on="resources",
        ),
    )
}
"""Lever kinds by name, in the order in which the engine applies them."""
