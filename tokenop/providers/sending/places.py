"""What is the same for every request to a target, found out once: its address, who is let in, how its wire speaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from tokenop.providers import registry
from tokenop.providers.base import Format, StreamReader, Target, WireRequest
from tokenop.providers.errors import NotUsableError
from tokenop.providers.formats import FORMATS
from tokenop.providers.formats.fields import mapping
from tokenop.providers.model import AsSent, Request
from tokenop.providers.sending.bounded import UNPACKED

if TYPE_CHECKING:
    from yarl import URL

MOST = 4096


def auth_headers(target: Target, env: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that let a request in; none where the target needs no key."""
    key = registry.key(target, env)
    # Anthropic's API takes the key under x-api-key as well; its SDK says it as everybody does.
    return {"authorization": f"Bearer {key}"} if key else {}


class Place:
    """Where a target's requests go."""

    def __init__(self, target: Target, env: Mapping[str, str]) -> None:
        """Look everything up.

        Raises:
            NotUsableError: the target cannot be asked; says why.
        """
        reason = registry.usable(target, env, sdk=False)
        if reason is not None:
            raise NotUsableError(reason)
        self.target = target
        self.format: Format = FORMATS[registry.PROVIDERS[target.provider].format]
        self.key = registry.key(target, env)
        self.base_url = registry.base_url(target, env)
        self.proxy = _proxy(self.base_url)
        self._own = {**UNPACKED, **auth_headers(target, env)}
        self._urls: dict[str, URL | str] = {}

    def url(self, path: str) -> URL | str:
        """Return the address of `path`; as a text where it is none, for aiohttp to say so."""
        known = self._urls.get(path)
        if known is None:
            from yarl import URL

            try:
                known = URL(self.base_url + path)
            except ValueError:
                known = self.base_url + path
            self._urls[path] = known
        return known

    def headers(self, of_wire: Mapping[str, str]) -> dict[str, str]:
        """Return all headers of a request; its wire's cannot take the place of what lets it in."""
        return {"accept": "application/json", **of_wire, **self._own}

    def written(self, request: Request, *, stream: bool) -> WireRequest:
        """Return the request on the target's wire, as it was sent where that can be. Raises CannotCarryError."""
        if request.stream != stream:
            request = replace(request, stream=stream)
        sent = request.as_sent
        if sent is not None:
            passed = self.format.pass_on(sent, request, self.target)
            if passed is not None:
                return passed
        return self.format.write_request(request, self.target)

    def reader(self, caller: AsSent | None) -> StreamReader:
        """Return a reader of one streamed answer, with its bytes for a caller of the same wire."""
        if caller is None or caller.format != self.format.name:
            return self.format.reader()
        asked = mapping(caller.body.get("stream_options")).get("include_usage") is True
        return self.format.reader(keep_raw=True, without_usage=not asked)


class Places:
    """The places of all targets that were asked. Holds the targets themselves: a config that is swapped has others."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._known: dict[int, Place] = {}

    def of(self, target: Target) -> Place:
        """Return where `target`'s requests go. Raises NotUsableError."""
        known = self._known.get(id(target))
        if known is not None and known.target is target:
            return known
        if len(self._known) >= MOST:
            self._known.clear()
        found = self._known[id(target)] = Place(target, self._env)
        return found


def _proxy(url: str) -> str | None:
    """Return the proxy that the environment names for `url`, None where it names none.

    aiohttp would look it up itself, but then also send what `~/.netrc` holds for an address.
    """
    address = urlsplit(url)
    if proxy_bypass(address.hostname or ""):
        return None
    proxies = getproxies()
    return proxies.get(address.scheme) or proxies.get("all")
