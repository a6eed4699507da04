"""Names of prompts for providers that cache by themselves: calls of one name go to the machine that has the prompt."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections import OrderedDict
from dataclasses import replace

from tokenop.gateway.model import Call
from tokenop.providers.formats.openai_chat.marks import NAME
from tokenop.providers.model import AsSent, Request, Text

FIELD = "prompt_cache_key"
MOST_NAMES = 4_096
_MINUTE = 60.0
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
# The provider takes at most 64 characters. A digest fits whatever a name is made of, and tells nobody your tenants.
_DIGITS = 32


class Names:
    """Makes the names and counts how often each is used in a minute; the ones used last, up to a number."""

    def __init__(self, most: int = MOST_NAMES) -> None:
        """Begin with nothing."""
        self._most = most
        self._rates: OrderedDict[str, _Rate] = OrderedDict()
        self._prompts: OrderedDict[int, str] = OrderedDict()

    def named(self, call: Call, request: Request, form: str, most_calls: float | None, now: float) -> Request:
        """Return the request with the name of its prompt; as it is where the caller gave one himself.

        Args:
            call: whose facts the name is made of.
            request: what is sent.
            form: the name with placeholders, such as `{tenant}:{intent}:{system_prompt_sha256}`.
            most_calls: a minute with one name; what is above is spread over further names by user.
            now: seconds of a clock that never goes back.
        """
        if FIELD in request.extra or request.extra_format not in (None, NAME):
            return request
        name = hashlib.sha256(self._filled(form, call, request).encode("utf-8", "replace")).hexdigest()[:_DIGITS]
        if most_calls is not None:
            name = self._spread(name, call, most_calls, now)
        said = request.as_sent
        if said is not None:
            said = AsSent(NAME, {**said.body, FIELD: name}) if said.format == NAME else None
        extra = {**request.extra, FIELD: name}
        return replace(request, extra=extra, extra_format=NAME, as_sent=said)

    def _filled(self, form: str, call: Call, request: Request) -> str:
        labels, identity = call.labels, call.identity

        def value(found: re.Match[str]) -> str:
            match found[1]:
                case "system_prompt_sha256":
                    return self._system(request)
                case "tenant" | "department":
                    return getattr(identity, found[1]) or labels.get(found[1], "")
                case "user" | "user_id":
                    return identity.user_id or labels.get("user_id", "")
                case "model":
                    return request.model
                case "tier":
                    return call.tier or ""
                case name:
                    return labels.get(name, labels.get(f"{name}_id", found[0]))

        return _PLACEHOLDER.sub(value, form)

    def _system(self, request: Request) -> str:
        texts = [part.text for part in request.system if isinstance(part, Text)]
        key = hash(tuple(texts))
        found = self._prompts.get(key)
        if found is None:
            digest = hashlib.sha256()
            for text in texts:
                digest.update(text.encode("utf-8", "replace") + b"\0")
            found = self._prompts[key] = digest.hexdigest()
            if len(self._prompts) > self._most:
                self._prompts.popitem(last=False)
        return found

    def _spread(self, name: str, call: Call, most: float, now: float) -> str:
        rate = self._rates.get(name)
        if rate is None:
            rate = self._rates[name] = _Rate(now)
            if len(self._rates) > self._most:
                self._rates.popitem(last=False)
        else:
            self._rates.move_to_end(name)
        ways = 1
        calls = rate.count(now)
        while calls > most * ways:  # doubled, so that half of the users keep their name
            ways *= 2
        if ways == 1:
            return name
        who = call.identity.user_id or call.labels.get("session_id") or call.operation_id
        return f"{name}-{zlib.crc32(who.encode('utf-8', 'replace')) % ways}"


class _Rate:
    """Calls a minute: those of this minute, and of the one before as far as it still counts."""

    __slots__ = ("before", "count_", "started")

    def __init__(self, now: float) -> None:
        self.started, self.count_, self.before = now, 0, 0

    def count(self, now: float) -> float:
        """Count one call and return how many there were in the last minute, about."""
        passed = now - self.started
        if passed >= _MINUTE:
            self.before = self.count_ if passed < 2 * _MINUTE else 0
            self.started += _MINUTE * (passed // _MINUTE)
            self.count_ = 0
        self.count_ += 1
        return self.count_ + self.before * (1 - (now - self.started) / _MINUTE)
