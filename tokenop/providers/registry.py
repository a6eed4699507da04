"""The providers that exist, and whether one can be asked from here."""

from __future__ import annotations

import functools
import importlib.util
import ipaddress
import re
import shutil
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from tokenop.providers import presets
from tokenop.providers.base import Provider, Target

# The priorities are the seed's order; who has no place in it stands after all of these.
PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        provider.name: provider
        for provider in (
            Provider(
                name="anthropic",
                title="Anthropic's API",
                format="anthropic-messages",
                base_url="https://api.anthropic.com",
                key_env="ANTHROPIC_API_KEY",
                priority=10,
                sender="anthropic_sdk",
                extra="anthropic",
                cache_metrics=True,
                url_env="ANTHROPIC_BASE_URL",
            ),
            Provider(
                name="groq",
                title="Groq",
                format="openai-chat",
                base_url="https://api.groq.com/openai/v1",
                key_env="GROQ_API_KEY",
                priority=8,
                sender="groq_sdk",
                extra="groq",
                cache_metrics=True,
            ),
            Provider(
                name="ollama",
                title="Ollama's own API",
                format="ollama-chat",
                base_url="http://127.0.0.1:11434",
                key_env=None,
                priority=30,
                sender="ollama_sdk",
                extra="ollama",
                local=True,
                url_env="OLLAMA_URL",
            ),
            Provider(
                name="openai-compatible",
                title="Whatever speaks OpenAI's chat completions",
                format="openai-chat",
                base_url="",
                key_env=None,
                priority=100,
                sender="openai_sdk",
                extra="openai",
                cache_metrics=True,
                url_env="OPENAI_BASE_URL",
            ),
            Provider(
                name="claude-cli",
                title="The `claude` program with a subscription",
                format="anthropic-messages",
                base_url="",
                key_env=None,
                priority=20,
                sender="claude_cli",
                extra=None,
            ),
            Provider(
                name="replay",
                title="Recorded answers",
                format="openai-chat",
                base_url="",
                key_env=None,
                priority=100,
                sender="replay",
                extra=None,
                local=True,
            ),
        )
    }
)

# A routing config is written by others: it must not be able to name a secret of the machine (GITHUB_TOKEN) as a key.
_KEY_NAME = re.compile(r"(?:[A-Z][A-Z0-9]*_){1,6}API_(?:KEY|TOKEN)(?:_[A-Z0-9]+){0,4}\Z|HF_TOKEN\Z")
_KEY = re.compile(r"[\x21-\x7e]+\Z")


def usable(target: Target, env: Mapping[str, str], *, sdk: bool = True) -> str | None:
    """Return None where `target` can be asked, else the reason in one line.

    Nothing is sent: a key that is set may still be refused. `sdk`: the provider's SDK must be installed.
    """
    provider = PROVIDERS.get(target.provider)
    if provider is None:
        return f"no provider is called {target.provider!r}; known: {', '.join(PROVIDERS)}"
    if provider.name == "replay":
        return None
    if provider.name == "claude-cli":
        found = shutil.which(env.get("CLAUDE_CLI", "claude"), path=env.get("PATH"))
        return None if found else "the program `claude` is not on PATH"
    reason = _address_reason(target, env) or _key_reason(target, env)
    if reason is None and sdk and provider.extra and not _installed(provider.extra):
        return f"the package {provider.extra} is not installed: pip install 'tokenop[{provider.extra}]'"
    return reason


def base_url(target: Target, env: Mapping[str, str]) -> str:
    """Return where the target's wire ends, without a slash at the end; empty where nothing says so."""
    provider = PROVIDERS[target.provider]
    preset = presets.of(target)
    if target.base_url:
        url = target.base_url
    elif preset is not None:
        url = env.get(preset.url_env or "", "") or preset.base_url
    else:
        url = env.get(provider.url_env or "", "") or provider.base_url
    if url and "://" not in url:
        url = f"http://{url}"
    return url.rstrip("/")


def key_env(target: Target) -> str | None:
    """Return the variable that holds the target's key, None where it needs none.

    A key is not sent to an address it was not made for: a target with its own `base_url` names its own `api_key_env`.
    """
    if target.api_key_env:
        return target.api_key_env
    preset = presets.of(target)
    if target.base_url:
        return None
    return preset.key_env if preset is not None else PROVIDERS[target.provider].key_env


def key(target: Target, env: Mapping[str, str]) -> str | None:
    """Return the target's key, None where it needs none or has none."""
    name = key_env(target)
    return (env.get(name, "").strip() or None) if name else None


def _key_reason(target: Target, env: Mapping[str, str]) -> str | None:
    name = key_env(target)
    if name is None:
        return None
    if not _KEY_NAME.match(name):
        return f"{name!r} is no name of a provider's key: it must hold _API_KEY or _API_TOKEN"
    value = env.get(name, "").strip()
    if not value:
        return f"{name} is not set"
    if not _KEY.match(value):
        # Found here, because an HTTP library that refuses such a header quotes it.
        return f"{name} holds a space, a line's end or a letter that no key has"
    # A config that others wrote must not be able to have a key sent to them.
    owners = _owners(name, env) if target.api_key_env else ()
    if owners and not _at_home(base_url(target, env), owners):
        return f"{name} goes to {', '.join(owners)} alone: name another variable for {target.name}"
    if _in_clear(base_url(target, env)):
        return f"{name} would be sent without encryption: use https"
    return None


def _owners(name: str, env: Mapping[str, str]) -> tuple[str, ...]:
    """Return the hosts that the key `name` was made for; none where it is no provider's own."""
    urls = [url for base, variable in _made_for(name) for url in (base, env.get(variable or "", "")) if url]
    return tuple(sorted({_host(url) for url in urls}))


@functools.lru_cache(maxsize=256)
def _made_for(name: str) -> tuple[tuple[str, str | None], ...]:
    """Return the addresses, and the variables that hold others, of those whose key `name` is."""
    providers = [(each.base_url, each.url_env) for each in PROVIDERS.values() if each.key_env == name]
    return (*providers, *((each.base_url, each.url_env) for each in presets.PRESETS.values() if each.key_env == name))


@functools.lru_cache(maxsize=256)
def _at_home(url: str, owners: tuple[str, ...]) -> bool:
    return _host(url) in owners or _near(_host(url))


@functools.lru_cache(maxsize=256)
def _host(url: str) -> str:
    try:
        return urlsplit(url if "://" in url else f"http://{url}").hostname or ""
    except ValueError:
        return ""


@functools.lru_cache(maxsize=256)
def _in_clear(url: str) -> bool:
    address = urlsplit(url)
    return address.scheme == "http" and not _near(address.hostname or "")


def _address_reason(target: Target, env: Mapping[str, str]) -> str | None:
    name = target.options.get("preset")
    if name is not None and (not isinstance(name, str) or name not in presets.PRESETS):
        return f"no preset is called {name!r}; known: {', '.join(presets.PRESETS)}"
    url = base_url(target, env)
    if not url:
        return f"{target.name} says neither `preset` nor `base_url`"
    reason = _url_reason(url)
    return f"{target.name}: the base URL {reason}" if reason else None


@functools.lru_cache(maxsize=256)
def _url_reason(url: str) -> str | None:
    try:
        address = urlsplit(url)
        good = address.scheme in {"http", "https"} and address.hostname and address.port != 0
    except ValueError:
        good = None
    if not good:
        return "is no http or https address"
    if address.username or address.password or address.query or address.fragment:
        return "must hold neither a user nor a query"
    return None


def _near(host: str) -> bool:
    """Return whether `host` is this machine or an address of a private network."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_private
    except ValueError:
        return False


@functools.cache
def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
