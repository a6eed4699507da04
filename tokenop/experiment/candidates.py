"""What is tried instead of today's model: what a plan chose, templates that apply, or models that somebody names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tokenop.catalogue.model import Lever, Template
from tokenop.errors import InputError
from tokenop.experiment import targets
from tokenop.experiment.model import Prompt, Skipped
from tokenop.experiment.sides import Candidate, Kind, Move
from tokenop.experiment.targets import Chain
from tokenop.providers.base import Target

if TYPE_CHECKING:
    import duckdb

    from tokenop.prices.book import PriceBook
    from tokenop.routing.chain import Policy
    from tokenop.routing.model import Facts, RoutingConfig

# In the order of the engine's chain; a test holds it against the levers' ranks.
CHANGING: Mapping[str, Kind] = {
    "trim": "trim",
    "response_cache": "response_cache",
    "reroute": "reroute",
    "cascade": "cascade",
}
LEAVING = {
    "prompt_cache": "the same model reads the same prompt",
    "batch": "the same model answers the same prompt, later",
    "capacity": "the same model on cheaper machines",
    "self_host": "its answers are those of the model that you serve: name it with --candidate, or in --config",
    "budget": "it refuses or downgrades past a limit: see what a downgrade does by naming that model with --candidate",
}
BYTES_PER_TOKEN = 4
"""To estimate the size of a prompt where nobody counted its tokens."""

ASSUMED_OUTPUT = 200
"""Tokens of an answer, for the conditions of templates, where neither the prompt says nor its limit is lower."""


def from_templates(
    connection: duckdb.DuckDBPyConnection,
    book: PriceBook,
    templates: Sequence[Template],
    prompts: Sequence[Prompt],
    today: Callable[[Prompt], Chain],
    at: datetime,
    unusable: Callable[[Target], str | None],
) -> tuple[list[Candidate], list[Skipped]]:
    """Return a candidate for each template that changes an answer to one of the prompts, and what is left out and why.

    A lever's `where` is asked about each prompt as about a call, with its tokens estimated.
    """
    create_calls(connection, book, prompts, today, at)
    found: list[Candidate] = []
    left: list[Skipped] = []
    for template in sorted(templates, key=lambda one: one.id):
        moves: list[tuple[int, Move]] = []
        for lever in template.levers:
            if lever.kind not in CHANGING:
                code: Any = "leaves-answers-alone" if lever.kind in _SAME else "not-here"
                left.append(Skipped(template.id, lever.kind, code, LEAVING[lever.kind]))
                continue
            made = _move(connection, template, lever, prompts, unusable)
            if isinstance(made, Skipped):
                left.append(made)
            else:
                moves.append((list(CHANGING).index(lever.kind), made))
        if moves:
            ordered = tuple(move for _, move in sorted(moves, key=lambda one: one[0]))
            drop = template.quality.max_absolute_drop
            found.append(Candidate(template.id, template.title, drop, ordered, template.id, template.version))
    return found, left


_SAME = ("prompt_cache", "batch", "capacity")


def _move(
    connection: duckdb.DuckDBPyConnection,
    template: Template,
    lever: Lever,
    prompts: Sequence[Prompt],
    unusable: Callable[[Target], str | None],
) -> Move | Skipped:
    ids = matching(connection, template, lever)
    if not ids:
        why = f"no prompt matches: {' '.join(lever.where.split())}"
        return Skipped(template.id, lever.kind, "not-matched", why)
    if lever.kind == "trim":
        varied = frozenset(prompt.id for prompt in prompts if prompt.id in ids and template.id in prompt.variants)
        if varied:
            return Move("trim", varied)
        why = f"say in the prompts what they become: variants.{template.id}"
        return Skipped(template.id, lever.kind, "needs-variants", why)
    if lever.kind == "response_cache":
        from tokenop.experiment import repeats

        donors = repeats.donors([prompt for prompt in prompts if prompt.id in ids], lever.options.get("threshold"))
        if donors:
            return Move("response_cache", frozenset(donors), donors=donors)
        return Skipped(template.id, lever.kind, "not-matched", "no prompt repeats an earlier one of the same tenant")
    target = target_of(lever)
    reason = unusable(target)
    if reason is not None:
        return Skipped(template.id, lever.kind, "not-usable", f"{target.name}: {reason}")
    return Move(CHANGING[lever.kind], ids, (target,), fallback=True)


def target_of(lever: Lever) -> Target:
    """Return whom a lever sends calls to."""
    to = lever.options["to"]
    assert isinstance(to, dict)
    return targets.of(str(to["provider"]), str(to["model"]))


def matching(connection: duckdb.DuckDBPyConnection, template: Template, lever: Lever) -> frozenset[str]:
    """Return the ids of the prompts for which the lever's `where` holds.

    Raises:
        InputError: the expression cannot be worked out on these prompts.
    """
    import duckdb

    # The catalogue has checked the expression against its allow-list.
    try:
        rows = connection.execute(f"SELECT id FROM calls WHERE (\n{lever.where}\n) IS TRUE").fetchall()
    except duckdb.Error as error:
        raise InputError(f"{template.path}: `where` of a lever cannot be worked out here: {error}") from error
    return frozenset(str(row[0]) for row in rows)


def create_calls(
    connection: duckdb.DuckDBPyConnection,
    book: PriceBook,
    prompts: Sequence[Prompt],
    today: Callable[[Prompt], Chain],
    at: datetime,
) -> None:
    """Create the relation `calls`: each prompt as the event that it would be, its input estimated from its length."""
    from tokenop.events import schema
    from tokenop.prices import calls

    columns = ", ".join(f"{name} {kind}" for name, kind in schema.types().items())
    connection.execute(f"CREATE OR REPLACE TEMP TABLE prompts_as_events ({columns})")
    rows = []
    for prompt in prompts:
        target = today(prompt)[0]
        guess = min(prompt.max_output_tokens or ASSUMED_OUTPUT, ASSUMED_OUTPUT)
        answer = guess if prompt.output_tokens is None else prompt.output_tokens
        names = (prompt.id, prompt.intent or "unknown", prompt.tenant or "unknown", targets.biller_of(target))
        rows.append((*names, target.model, tokens_of(prompt), answer))
    lists = [list(column) for column in zip(*rows, strict=True)]
    if rows:
        kinds = ("VARCHAR",) * 5 + ("BIGINT",) * 2
        unnested = ", ".join(f"unnest(?::{kind}[])" for kind in kinds)
        connection.execute(
            "INSERT INTO prompts_as_events (id, intent, tenant, provider, model, input_tokens, output_tokens, ts, "
            f"endpoint, region) SELECT *, ?::TIMESTAMPTZ, 'unknown', 'unknown' FROM (SELECT {unnested})",
            [at.isoformat(), *lists],
        )
    calls.create(connection, book, "prompts_as_events", "calls")


def tokens_of(prompt: Prompt) -> int:
    """Return about how many tokens a prompt has."""
    from tokenop.experiment.scoring import words

    texts = [prompt.system or "", *(words(message.parts) for message in prompt.messages)]
    return max(1, sum(len(text.encode("utf-8", "replace")) for text in texts) // BYTES_PER_TOKEN)


def from_chain(name: str, chain: Chain, tolerance: Decimal, policy: Policy | None = None) -> Candidate:
    """Return the candidate that answers everything with one model (or chain), without going back to today's."""
    return Candidate(name, targets.shown(chain), tolerance, (Move("target", chain=chain, policy=policy),))


def from_routing(
    config: RoutingConfig, prompts: Sequence[Prompt], today: Callable[[Prompt], Chain], tolerance: Decimal
) -> Candidate:
    """Return the candidate that asks whom the rules of a routing config say; it concerns what they change."""
    from tokenop import routing
    from tokenop.routing.chain import policy_of

    chains: dict[str, Chain] = {}
    policies: dict[str, Policy] = {}
    for prompt in prompts:
        decision = routing.decide(config, facts(prompt, today(prompt)[0]), key=prompt.id)
        decided = decision.chain
        if decided and targets.described(decided[0]) != targets.described(today(prompt)[0]):
            chains[prompt.id], policies[prompt.id] = decided, policy_of(config, decision)
    move = Move("routing", frozenset(chains), chains=chains, policies=policies)
    drop = min(tolerance, config.meta.max_quality_drop)
    return Candidate(f"routing:{config.meta.id}", config.meta.title, drop, (move,))


def facts(prompt: Prompt, today: Target) -> Facts:
    """Return what a routing config may ask about a prompt; its input is estimated."""
    from tokenop import routing

    return routing.facts(
        intent=prompt.intent,
        tenant=prompt.tenant,
        provider=targets.biller_of(today),
        model=today.model,
        input_tokens=tokens_of(prompt),
        output_tokens_limit=prompt.max_output_tokens,
        has_tools=False,
        tool_count=0,
        image_count=0,
        stream=False,
    )
