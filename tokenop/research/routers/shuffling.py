"""Could chance have chosen as well? The policy's decisions, dealt out among the held-out prompts again and again.

Where outcomes do not depend on what the policy looks at, any way to deal them out is as likely as the one seen: the
test is exact, also where few answers are wrong and a bootstrap interval is too narrow.
"""

from __future__ import annotations

import numpy as np

from tokenop.economics.draws import generator
from tokenop.research.routers import rivals
from tokenop.research.routers.bootstrap import Contestant
from tokenop.research.routers.outcomes import Floats, Outcomes

_AT_ONCE = 2_000_000  # decisions that are held in memory
_CLOSE = 1e-12  # sums in another order are not another result


def chance(contestant: Contestant, outcomes: Outcomes, draws: int, seed: int) -> float:
    """Return how often decisions dealt out by chance gain as much over the random mix at equal cost (a p-value)."""
    weak_cost, strong_cost = outcomes.weak_cost, outcomes.strong_cost
    assert weak_cost is not None
    assert strong_cost is not None
    share = outcomes.counts / outcomes.counts.sum()
    alone = [float(share @ side) for side in (outcomes.weak_quality, outcomes.strong_quality, weak_cost, strong_cost)]
    # What each prompt changes, in quality and in cost, where it is sent to the weak model in place of the strong one.
    change = np.column_stack([-outcomes.gain, weak_cost - strong_cost]) * share[:, None]

    def gains(decisions: Floats) -> Floats:
        sums = decisions @ change
        same = np.ones(len(decisions))
        cost = alone[3] + sums[:, 1] + contestant.overhead_usd
        weak, strong, weak_paid, strong_paid = (same * value for value in alone)
        means = rivals.Means(weak, strong, weak_paid, strong_paid, strong + sums[:, 0], cost)
        return np.asarray(means.quality - rivals.mixed(means))

    random = generator(seed, "routers: decisions dealt out again")
    decided = contestant.weak.astype(np.float64)
    seen = gains(decided[None, :])[0]
    as_good, left = 0, draws
    while left > 0:
        block = min(left, max(1, _AT_ONCE // len(decided)))
        dealt = random.permuted(np.tile(decided, (block, 1)), axis=1)
        as_good += int((gains(dealt) >= seen - _CLOSE).sum())
        left -= block
    return (1 + as_good) / (1 + draws)
