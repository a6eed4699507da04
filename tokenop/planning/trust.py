"""How sure the community is of each template: from what people reviewed and implemented."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from tokenop.catalogue.model import Template
from tokenop.evidence.confidence import Confidence, Group, Prior, confidence, layer_priors
from tokenop.evidence.model import Evidence


def trust(templates: Iterable[Template], evidence: Evidence, today: date) -> dict[str, Confidence]:
    """Return the confidence in each template on the day `today`, by id."""
    listed = tuple(templates)
    shared = priors(listed, evidence, today)
    found = {}
    for template in listed:
        about = evidence.of(template.id)
        found[template.id] = confidence(
            about.reviews,
            about.implementations,
            shared[template.id],
            today,
            tolerance=template.quality.max_absolute_drop,
            category=template.category,
            version=template.version,
            authors=template.authors,
        )
    return found


def priors(templates: Iterable[Template], evidence: Evidence, today: date) -> dict[str, Prior]:
    """Return the prior of each template: what the others of its layer speak for."""
    layers: dict[str, dict[str, Group]] = {}
    for template in templates:
        entries = evidence.of(template.id).implementations
        group = Group(entries, template.quality.max_absolute_drop, template.category)
        layers.setdefault(template.layer, {})[template.id] = group
    return {name: prior for layer in layers.values() for name, prior in layer_priors(layer, today).items()}


def entry(found: Confidence | None) -> dict[str, Any] | None:
    """Return what a plan says of it; None where nobody reported anything about the template."""
    if found is None or not (found.n or found.reviews):
        return None
    return {
        "confidence": None if found.score is None else float(found.score),
        "implementations": found.n,
        "successes": found.successes,
        "failures": found.failures,
        "unknown": found.unknown,
        "approving_reviews": found.approvals,
    }
