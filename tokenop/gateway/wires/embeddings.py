"""Who is asked for embeddings. All else is a call like any other, on the wire `openai-embeddings`."""

from __future__ import annotations

from tokenop.gateway.wires.models import AUTO
from tokenop.providers.formats.openai_embeddings import offered_by
from tokenop.routing.deciding import NotAllowedError, spellings
from tokenop.routing.model import Decision, RoutingConfig

OPERATION = "embeddings"


def decide(config: RoutingConfig, asked: str | None) -> Decision:
    """Return who is asked for embeddings, in which order.

    Whoever names a model gets it from any target of the config that has it, where models may be named at all; `auto`
    and None mean the config's usual tier. Rules ask about chats, so none is asked here.

    Raises:
        NotAllowedError: nobody who is asked offers embeddings, or the model may not be named.
    """
    offering = {name: target for name, target in config.targets.items() if offered_by(target)}
    if asked is None or asked == AUTO or (asked in config.asked.tiers and asked in config.tiers):
        tier = config.tiers[config.default_tier if asked is None or asked == AUTO else asked]
        chain = tuple(target for target in tier.chain if offered_by(target))
        by = "default" if asked is None or asked == AUTO else "asked"
        if chain:
            return Decision("default" if by == "default" else "asked", tier.name, chain, f"embeddings by {tier.name}")
    elif config.asked.models == "listed":
        found = [target for target in offering.values() if asked in spellings(target)]
        chain = tuple(sorted(found, key=lambda one: (one.priority, one.name)))
        if chain:
            return Decision("asked", None, chain, f"the caller names {asked}")
    models = sorted({target.model for target in offering.values()}) if config.asked.models == "listed" else []
    known = ", ".join(models) or "nothing"
    raise NotAllowedError(f"no embeddings by {(asked or AUTO)[:100]!r}; targets that may offer them: {known}")
