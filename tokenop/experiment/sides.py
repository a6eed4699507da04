"""What a candidate does with a prompt: another model, a cheap one first, a shorter prompt, an answer given before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, Protocol

from tokenop.experiment import asking, prompts
from tokenop.experiment.model import BASELINE, Prompt, Reply, Result
from tokenop.experiment.store import DECIDED
from tokenop.experiment.targets import Chain, full_name
from tokenop.providers.base import Target
from tokenop.providers.model import Request, Text, ToolCall

if TYPE_CHECKING:
    from tokenop.routing.chain import Policy

Kind = Literal["reroute", "cascade", "trim", "response_cache", "target", "routing"]
Guard = Callable[[Prompt, Reply], bool | None]
"""Whether an answer passes what the prompt's own guard asks; None where it has none or it could not be asked."""


class Ask(Protocol):
    """What asks a chain about a prompt; `policy` None: as the run has it."""

    def __call__(self, prompt: str, targets: Chain, request: Request, *, policy: Policy | None = None) -> Reply:
        """Return what came."""
        ...


@dataclass(frozen=True, slots=True)
class Move:
    """One change that a candidate makes. `prompts` are the ids that it concerns, None: all.

    `fallback`: today's model is asked again where the answer is refused, empty or (`cascade`) does not pass the guard.
    `chains` are those of single prompts, where a routing config decides; `donors` says for a cache whose answer a
    prompt gets. `policy`, and `policies` of single prompts, are what a routing config says about timeouts and retries.
    """

    kind: Kind
    prompts: frozenset[str] | None = None
    chain: Chain = ()
    fallback: bool = False
    chains: Mapping[str, Chain] = field(default_factory=dict)
    donors: Mapping[str, str] = field(default_factory=dict)
    policy: Policy | None = None
    policies: Mapping[str, Policy] = field(default_factory=dict)

    def concerns(self, prompt: str) -> bool:
        """Return whether the move changes how this prompt is answered."""
        return self.prompts is None or prompt in self.prompts

    def asked(self, prompt: str) -> Chain:
        """Return whom the move asks instead; empty where it leaves the model alone."""
        return self.chains.get(prompt, self.chain)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that may replace today's model. `tolerance` is how far quality may drop (0 to 1), on what it touches.

    `template` and `version` are None where somebody named a model. `predicted` is the plan's own line, if there is one.
    """

    name: str
    title: str
    tolerance: Decimal
    moves: tuple[Move, ...]
    template: str | None = None
    version: str | None = None

    @property
    def concerned(self) -> frozenset[str] | None:
        """Return the prompts that it answers in another way than today; None: all."""
        found: frozenset[str] = frozenset()
        for move in self.moves:
            if move.prompts is None:
                return None
            found |= move.prompts
        return found

    @property
    def targets(self) -> tuple[Target, ...]:
        """Return whom it asks, beside today's model."""
        chains = [chain for move in self.moves for chain in (move.chain, *move.chains.values())]
        found = {full_name(target): target for chain in chains for target in chain}
        return tuple(target for _, target in sorted(found.items()))


@dataclass(frozen=True)
class Answering:
    """How prompts are answered: today's model of each prompt, all prompts by id (for a cache), and who asks."""

    today: Callable[[Prompt], Chain]
    prompts: Mapping[str, Prompt]
    ask: Ask
    guard: Guard
    limit: int | None = None

    def baseline(self, prompt: Prompt) -> Result:
        """Return what today's model answers."""
        return _result(prompt, BASELINE, (self._ask(prompt, self.today(prompt)),))

    def candidate(self, candidate: Candidate, prompt: Prompt) -> Result:
        """Return what a candidate answers; its changes are made in the order of the plan's chain."""
        asked, kinds = prompt, []
        route: Move | None = None
        chain: Chain = ()
        for move in candidate.moves:
            if not move.concerns(prompt.id):
                continue
            kinds.append(move.kind)
            if move.kind == "response_cache":
                donor = self.prompts[move.donors[prompt.id]]
                given = self._ask(donor, self.today(donor))
                return _result(prompt, candidate.name, (given,), charged=(), how=f"answer to {donor.id}")
            if move.kind == "trim" and candidate.template:
                asked = prompts.varied(prompt, candidate.template) or prompt
            if move.asked(prompt.id):
                route, chain = move, move.asked(prompt.id)
        if route is None:
            return _result(prompt, candidate.name, (self._ask(asked, self.today(prompt)),), how=", ".join(kinds))
        first = self._ask(asked, chain, route.policies.get(prompt.id, route.policy))
        if not route.fallback or _unknown(first) or self._good_enough(asked, first, route):
            return _result(prompt, candidate.name, (first,), how=first.target)
        again = self._ask(asked, self.today(prompt))
        return _result(prompt, candidate.name, (first, again), how=f"{first.target}, then today's model")

    def _good_enough(self, prompt: Prompt, reply: Reply, route: Move) -> bool:
        if refused(reply):
            return False
        return route.kind != "cascade" or self.guard(prompt, reply) is not False

    def _ask(self, prompt: Prompt, chain: Chain, policy: Policy | None = None) -> Reply:
        return self.ask(prompt.id, chain, asking.request(prompt, self.limit), policy=policy)


def refused(reply: Reply) -> bool:
    """Return whether there is no answer to use: the model or its provider refused, or it is empty."""
    if reply.error_kind in DECIDED or reply.finish == "refused":
        return True
    return not any((isinstance(part, Text) and part.text.strip()) or isinstance(part, ToolCall) for part in reply.parts)


def _unknown(reply: Reply) -> bool:
    return reply.error_kind is not None and reply.error_kind not in DECIDED


def _result(
    prompt: Prompt, side: str, replies: tuple[Reply, ...], charged: tuple[Reply, ...] | None = None, how: str = ""
) -> Result:
    last = replies[-1]
    unknown = next((reply.error_kind for reply in replies if _unknown(reply)), None)
    return Result(
        prompt=prompt.id,
        side=side,
        parts=last.parts,
        finish=last.finish,
        charged=replies if charged is None else charged,
        error_kind=unknown,
        refused=refused(last) and unknown is None,
        how=how,
    )
