"""What the child process is told, and what it may see of the environment."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from tokenop.collect.manifest import Manifest
from tokenop.errors import MisuseError

# What any HTTP client needs: certificates, the way out, and where the vendors' own files are.
_COMMON = (
    "HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "XDG_CONFIG_HOME", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP",
    "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "all_proxy", "no_proxy",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Job:
    """One run over one collector. Times are RFC 3339 text or None; `origin` is the host that the user named, if any."""

    collector: str
    out: str
    settings: Mapping[str, str]
    streams: tuple[str, ...]
    since: str | None
    until: str | None
    now: str
    again: bool
    hosts: tuple[str, ...]
    origin: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return what `read` reads."""
        return dataclasses.asdict(self)

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Job:
        """Return the job that `as_dict` wrote."""
        return cls(**{**fields, "streams": tuple(fields["streams"]), "hosts": tuple(fields["hosts"])})

    def when(self, name: str) -> datetime | None:
        """Return the time `since`, `until` or `now`."""
        text = getattr(self, name)
        return datetime.fromisoformat(text) if text else None


def environment(manifest: Manifest, given: Mapping[str, str]) -> dict[str, str]:
    """Return those variables that the manifest declares, as far as they are set and not empty."""
    assert manifest.extract is not None
    names = {*manifest.extract.environment, *_named(manifest)}
    return {name: given[name] for name in sorted(names) if given.get(name)}


def child_environment(manifest: Manifest, given: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of the child: what is declared, and what every client needs. No other secret."""
    return {name: given[name] for name in _COMMON if name in given} | environment(manifest, given) | {"TZ": "UTC"}


def hosts(manifest: Manifest, given: Mapping[str, str]) -> tuple[str, ...]:
    """Return the hosts that may be talked to: the manifest's, with those that variables name.

    Raises:
        MisuseError: a variable names no host.
    """
    found = [entry for entry in manifest.egress if not entry.startswith("env:")]
    found += [host(name, given[name]) for name in _named(manifest) if given.get(name)]
    return tuple(sorted(set(found)))


def origin(manifest: Manifest, given: Mapping[str, str]) -> str:
    """Return the first host that the user named through a variable; empty where none is."""
    return next((host(name, given[name]) for name in _named(manifest) if given.get(name)), "")


def host(variable: str, value: str) -> str:
    """Return the host in the value of a variable: a name, an address, `host:port`, or a URL.

    Raises:
        MisuseError: there is none in it. The message does not repeat the value.
    """
    try:
        found = urlsplit(value if "://" in value else f"//{value}").hostname
    except ValueError:
        found = None
    if not found or not re.fullmatch(r"[A-Za-z0-9._:-]+", found):
        raise MisuseError(f"{variable}: holds no host; write such as https://example.com")
    return found


def _named(manifest: Manifest) -> list[str]:
    return [entry.removeprefix("env:") for entry in manifest.egress if entry.startswith("env:")]
