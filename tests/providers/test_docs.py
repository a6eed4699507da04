"""docs/providers.md says what the registry says."""

from __future__ import annotations

from tests.conftest import ROOT
from tokenop.providers.presets import PRESETS
from tokenop.providers.registry import PROVIDERS

PAGE = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")


def row(name: str) -> list[str]:
    """Return the cells of the row that begins with a name."""
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_provider_has_its_row() -> None:
    for name, provider in PROVIDERS.items():
        _, title, wire, key, address, install, _local, caches = row(name)
        assert title == provider.title
        if name in {"replay", "claude-cli"}:
            continue
        assert wire == f"`{provider.format}`"
        assert provider.key_env is None or key == f"`{provider.key_env}`"
        assert address.startswith(provider.base_url)
        assert provider.url_env is None or f"`{provider.url_env}`" in address
        assert install == f"`tokenop[{provider.extra}]`"
        assert caches == ("yes" if provider.cache_metrics else "no")


def test_every_preset_has_its_row() -> None:
    for name, preset in PRESETS.items():
        _, title, key, address = row(name)
        assert title == preset.title
        assert key == (f"`{preset.key_env}`" if preset.key_env else "none")
        assert address.startswith(preset.base_url or f"`{preset.url_env}`")
        assert preset.url_env is None or f"`{preset.url_env}`" in address
