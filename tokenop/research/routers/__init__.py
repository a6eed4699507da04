"""Routers on trial: policies that send a prompt to a weak (cheap) or a strong (dear) model, judged on own outcomes.

How to use it from other parts of TokenOp:

    recorded = read([Path("outcomes/")])                   # CSV, JSONL, Parquet; FindingsError with file:line
    outcomes = recorded.pair("small-model", "big-model")   # one row a distinct prompt, unknown ones left out
    learn, held_out = outcomes.split(seed=0)               # by hash of the normalised prompt: nothing straddles
    policy = train("logistic", learn, seed=0)              # cross-validated on `learn` alone
    policy.score(prompts)                                  # (n,) P(the weak model is good enough)
    policy.decide(prompts)                                 # (n,) True: weak; at the threshold chosen on `learn`
    policy.decide(prompts, threshold=0.8)                  # or at another one
    save(policy, Path("router.json")); load(Path("router.json"))

`POLICIES` maps a name (`static`, `rules`, `knn`, `logistic`) to the `Kind` that trains it; `logistic` needs the extra
`routers` (scikit-learn) to train and numpy alone to decide. `tokenop.research.routers.trial.hold` does all of it and
says which policy, if any, is to be recommended.
"""

from __future__ import annotations

from tokenop.research.routers.outcomes import Outcomes, Recorded
from tokenop.research.routers.policy import Kind, Policy, Trained
from tokenop.research.routers.reading import read
from tokenop.research.routers.registry import POLICIES
from tokenop.research.routers.saved import load, save
from tokenop.research.routers.training import train

__all__ = ["POLICIES", "Kind", "Outcomes", "Policy", "Recorded", "Trained", "load", "read", "save", "train"]
