"""How many tokens a request of the Messages API has: Anthropic's own count where it would answer, else an estimate."""

from __future__ import annotations

from collections.abc import Sequence

from tokenop.gateway.model import Call
from tokenop.gateway.upstream import GatewaySender
from tokenop.gateway.wires import base
from tokenop.gateway.wires import of as wire_of
from tokenop.providers.base import Target, Timeouts
from tokenop.providers.errors import BadRequestError, ProviderError, TooLongError
from tokenop.providers.formats.fields import compact
from tokenop.routing.chain.charging import estimated_input

ESTIMATED = "x-tokenop-estimated"


async def answer(
    call: Call, sender: GatewaySender, targets: Sequence[Target], timeouts: Timeouts
) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of `/v1/messages/count_tokens`.

    Args:
        call: the request to count.
        sender: asks Anthropic, which bills nothing for it.
        targets: the chain that would answer the request. The first of them that can be asked counts.
        timeouts: how long to wait for Anthropic; an estimate needs no wait.
    """
    first = next((target for target in targets if sender.usable(target) is None), None)
    if first is not None and first.provider == "anthropic" and not sender.recorded(first):
        try:
            counted = await sender.http.count(call.request.to(first.model), first, timeouts)
        except (BadRequestError, TooLongError) as error:
            return wire_of("anthropic-messages").error(error)
        except ProviderError:
            pass  # down, slow or without a key: an estimate is better than nothing
        else:
            return 200, dict(base.JSON), compact({"input_tokens": counted}).encode()
    estimated = call.input_tokens if call.input_tokens is not None else estimated_input(call.request)
    if estimated is None:
        return wire_of("anthropic-messages").error(
            BadRequestError("tokens of pictures are counted by Anthropic alone, which does not answer here")
        )
    return 200, {**base.JSON, ESTIMATED: "1"}, compact({"input_tokens": max(estimated, 1)}).encode()
