"""The coding agent: sessions that send their whole history again with every step, and sub-agents that inherit it.

A few long prompts that grow, most of their tokens seen a minute before; nothing is asked twice, nothing can wait.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tokenop.sample import calls, files
from tokenop.sample.calls import Model, Month
from tokenop.sample.coding import Cache
from tokenop.sample.draws import Draws
from tokenop.sample.prompts import BLOCK, Prompt

TEAM = "sample-platform-team"
APPS = "sample-apps-team"
DAYS = 14
DEVELOPERS = 24
# Developers 1 … 10 have a client that marks its prompt for caching, 11 … 14 an older one that logs the hashes of its
# blocks instead, and the others one that does neither.
CACHING_DEVELOPERS = 10
HASHING_DEVELOPERS = 14
COMPACT_AT = 170_000


def events(seed: int) -> list[dict[str, object]]:
    """Return the calls in order of time, each a dict of event fields."""
    made = Month(seed)
    draws = Draws(seed, "coding-agent")
    tools = made.prompt(10 * BLOCK)
    repositories = [tools.grown(draws.whole(2, 7) * BLOCK) for _ in range(4)]
    for start in calls.starts(draws, 26, calls.OFFICE, 0.15, DAYS):
        _session(made, draws, start, repositories[draws.rank(len(repositories))])
    _explanations(made, draws)
    return files.finished(made, DAYS)


def _session(made: Month, draws: Draws, at: datetime, repository: Prompt) -> None:
    developer = draws.whole(1, DEVELOPERS)
    model = calls.OPUS if draws.chance(0.7) else calls.SONNET
    fields = {
        "tenant": TEAM if developer % 2 else APPS,
        "session_id": made.session(),
        "user_id": f"sample-developer-{developer:02d}",
        "domain": "software",
    }
    prompt, cache = repository.grown(draws.tokens(3_000, 0.8, 300, 30_000)), Cache()
    for _ in range(draws.tokens(15, 0.6, 2, 60)):
        latency = _step(made, draws, model, developer, at, prompt, cache, intent="write_code", **fields)
        at += timedelta(milliseconds=round(latency))
        if draws.chance(0.035):
            at = _explore(made, draws, model, at, prompt, developer, fields)
        at += timedelta(milliseconds=draws.tokens(15_000, 1.1, 800, 1_800_000))
        prompt = prompt.grown(draws.tokens(6_500, 0.8, 150, 40_000))
        if prompt.tokens > COMPACT_AT:
            prompt = repository.grown(draws.tokens(8_000, 0.3, 4_000, 16_000))


def _explore(
    made: Month, draws: Draws, model: Model, at: datetime, history: Prompt, developer: int, fields: dict[str, str]
) -> datetime:
    agent, cache = f"sample-explorer-{draws.whole(1, 3)}", Cache()
    # The sub-agent inherits all that its parent has seen.
    prompt = history.grown(draws.tokens(1_200, 0.5, 200, 6_000))
    for _ in range(draws.whole(3, 9)):
        latency = _step(
            made, draws, model, developer, at, prompt, cache, intent="explore_repository", agent_id=agent, **fields,
        )  # fmt: skip
        at += timedelta(milliseconds=round(latency) + draws.whole(300, 4_000))
        prompt = prompt.grown(draws.tokens(3_000, 0.7, 200, 24_000))
    return at


def _step(
    made: Month,
    draws: Draws,
    model: Model,
    developer: int,
    at: datetime,
    prompt: Prompt,
    cache: Cache,
    **fields: object,
) -> float:
    """Log one step of an agent, its whole history sent again, and return its latency in ms."""
    answer = draws.tokens(520, 0.8, 140, 8_000)
    usage: dict[str, object] = {}
    if developer <= CACHING_DEVELOPERS:
        usage = cache.usage(at, prompt)
    elif developer <= HASHING_DEVELOPERS:
        usage = {"prefix_hashes": prompt.hashes}
    score = calls.quality(draws, 0.04, 0.90)
    return made.add(draws, model, at, (prompt.tokens, answer), quality_score=score, **usage, **fields)


def _explanations(made: Month, draws: Draws) -> None:
    """Log single questions about a piece of code: the only calls here that stand alone."""
    for at in calls.starts(draws, 55, calls.OFFICE, 0.1, DAYS):
        sizes = (draws.tokens(9_000, 0.7, 600, 60_000), draws.tokens(620, 0.5, 140, 2_500))
        made.add(
            draws,
            calls.SONNET,
            at,
            sizes,
            tenant=APPS,
            intent="explain_code",
            user_id=f"sample-developer-{draws.whole(1, DEVELOPERS):02d}",
            domain="software",
            quality_score=calls.quality(draws, 0.06, 0.91),
        )
