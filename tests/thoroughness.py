"""How many examples a property is held to: few in each run, more in `make test-thorough`."""

from __future__ import annotations

from hypothesis import settings

THOROUGH = "thorough"
settings.register_profile(THOROUGH)


def examples(few: int, many: int) -> int:
    """Return `many` under `--hypothesis-profile=thorough`, otherwise `few`: where one example is dear."""
    return many if settings.get_current_profile_name() == THOROUGH else few
