"""Read so much from GitHub and no more, and take so long and no longer. What the bots share; not a program."""

from __future__ import annotations

import contextlib
import signal
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException, HTTPMessage
from typing import IO
from urllib.error import URLError
from urllib.parse import urlsplit

from tokenop.errors import InputError

SECONDS = 30


class UnreachableError(InputError):
    """GitHub does not answer, or not as it should: nothing is known, and it can be tried again."""


class LateError(Exception):
    """Something took longer than it may. No error of ours or the system's, so that nothing takes it for one."""


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let what runs inside take so long: a text can be made to keep a pattern busy for days.

    Raises:
        LateError: it took longer.
    """

    def stop(*_: object) -> None:
        raise LateError(f"took longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class _Careful(urllib.request.HTTPRedirectHandler):
    """Follow to where artifacts are kept, which is elsewhere, and leave the token behind."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        before, after = urlsplit(req.full_url), urlsplit(newurl)
        if after.scheme != before.scheme:
            raise InputError(f"GitHub sends on from {before.scheme} to {after.scheme}")
        follow = super().redirect_request(req, fp, code, msg, headers, newurl)
        if follow is not None and after.netloc != before.netloc:
            follow.remove_header("Authorization")
        return follow


def read(url: str, token: str, most: int, accept: str = "application/vnd.github+json") -> bytes:
    """Return what is at `url`, cut after `most` + 1 bytes.

    Raises:
        UnreachableError: it cannot be read.
    """
    if urlsplit(url).scheme not in ("https", "http"):
        raise InputError(f"{url}: is no address of the web")
    headers = {"Authorization": f"Bearer {token}", "Accept": accept, "User-Agent": "tokenop"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - checked above
    try:
        with urllib.request.build_opener(_Careful).open(request, timeout=SECONDS) as answer:
            content: bytes = answer.read(most + 1)
    except (URLError, OSError, HTTPException) as error:
        raise UnreachableError(f"{urlsplit(url).path}: GitHub gives nothing: {error}") from error
    return content
