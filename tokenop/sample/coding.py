"""The coding agent of the sample month: long sessions that send their whole history again with every step."""

from __future__ import annotations

from datetime import datetime, timedelta

from tokenop.sample import calls
from tokenop.sample.calls import Month
from tokenop.sample.draws import Draws
from tokenop.sample.prompts import BLOCK, Prompt
from tokenop.sample.teams import CODING

DEVELOPERS = 60
# Developers 1 … 30 have a client that marks its prompt for caching; the others have older ones that do not. Only the
# client of developers 31 … 42 logs the hashes of its prompt's blocks.
CACHING_DEVELOPERS = 30
HASHING_DEVELOPERS = 42
CACHE_LIFETIME = timedelta(minutes=5)
COMPACT_AT = 450_000


class Cache:
    """Anthropic's five-minute prompt cache for one agent: what the last request left warm is read, the rest written."""

    def __init__(self) -> None:
        self._last: tuple[datetime, Prompt] | None = None

    def usage(self, at: datetime, prompt: Prompt) -> dict[str, object]:
        """Return the cache fields of a call with `prompt` made `at`, and remember it."""
        warm = self._last is not None and at - self._last[0] < CACHE_LIFETIME
        read = prompt.shared(self._last[1]) if warm and self._last else 0
        self._last = (at, prompt)
        written = len(prompt.blocks) * BLOCK - read
        return {"cache_read_input_tokens": read, "cache_creation_input_tokens": written}


def coding(month: Month) -> None:
    """Log sessions of `write_code` with their `explore_repository` sub-agents, and `review_pull_request`."""
    draws = Draws(month.seed, CODING)
    tools = month.prompt(11 * BLOCK)
    repositories = [tools.grown(draws.whole(3, 9) * BLOCK) for _ in range(5)]
    for start in calls.starts(draws, 36, calls.OFFICE, 0.12):
        _session(month, draws, start, repositories[draws.rank(len(repositories))])
    guide = month.prompt(9 * BLOCK)
    for at in calls.starts(draws, 165, calls.OFFICE, 0.1):
        prompt = guide.grown(draws.tokens(60_000, 0.7, 1_500, 240_000))
        month.add(
            draws,
            calls.OPUS,
            at,
            (prompt.tokens, draws.tokens(1_500, 0.5, 200, 7_000)),
            tenant=CODING,
            intent="review_pull_request",
            user_id=f"sample-developer-{draws.whole(1, DEVELOPERS):02d}",
            domain="software",
            prefix_hashes=prompt.hashes,
            quality_score=calls.quality(draws, 0.1, 0.89),
        )


def _session(month: Month, draws: Draws, at: datetime, repository: Prompt) -> None:
    developer = draws.whole(1, DEVELOPERS)
    fields = {
        "tenant": CODING,
        "session_id": month.session(),
        "user_id": f"sample-developer-{developer:02d}",
        "domain": "software",
    }
    prompt, cache = repository.grown(draws.tokens(4_000, 0.8, 300, 40_000)), Cache()
    for _ in range(draws.tokens(17, 0.6, 2, 70)):
        latency = _step(month, draws, developer, at, prompt, cache, intent="write_code", **fields)
        at += timedelta(milliseconds=round(latency))
        if draws.chance(0.04):
            at = _explore(month, draws, at, prompt, developer, fields)
        at += timedelta(milliseconds=draws.tokens(14_000, 1.1, 800, 1_800_000))
        prompt = prompt.grown(draws.tokens(10_500, 0.8, 150, 60_000))
        if prompt.tokens > COMPACT_AT:
            prompt = repository.grown(draws.tokens(9_000, 0.3, 4_000, 20_000))


def _explore(
    month: Month, draws: Draws, at: datetime, history: Prompt, developer: int, fields: dict[str, str]
) -> datetime:
    agent, cache = f"sample-explorer-{draws.whole(1, 3)}", Cache()
    # The sub-agent inherits all that its parent has seen.
    prompt = history.grown(draws.tokens(1_200, 0.5, 200, 6_000))
    for _ in range(draws.whole(3, 10)):
        latency = _step(
            month, draws, developer, at, prompt, cache, intent="explore_repository", agent_id=agent, **fields,
        )  # fmt: skip
        at += timedelta(milliseconds=round(latency) + draws.whole(300, 4_000))
        prompt = prompt.grown(draws.tokens(3_400, 0.7, 200, 30_000))
    return at


def _step(
    month: Month, draws: Draws, developer: int, at: datetime, prompt: Prompt, cache: Cache, **fields: object
) -> float:
    """Log one step of an agent, its whole history sent again, and return its latency in ms."""
    answer = draws.tokens(560, 0.8, 40, 8_000)
    usage: dict[str, object] = {}
    if developer <= CACHING_DEVELOPERS:
        usage = cache.usage(at, prompt)
    elif developer <= HASHING_DEVELOPERS:
        usage = {"prefix_hashes": prompt.hashes}
    score = calls.quality(draws, 0.04, 0.90)
    return month.add(draws, calls.OPUS, at, (prompt.tokens, answer), quality_score=score, **usage, **fields)
