"""The kinds of policy there are."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tokenop.research.routers.kinds import knn, logistic, rules, static
from tokenop.research.routers.policy import Kind

POLICIES: Mapping[str, Kind] = MappingProxyType(
    {"static": static.KIND, "rules": rules.KIND, "knn": knn.KIND, "logistic": logistic.KIND}
)
