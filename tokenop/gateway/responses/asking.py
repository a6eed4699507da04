"""Embedders that are asked over HTTP: a sentence model behind /v1/embeddings, or Ollama."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from tokenop.gateway.responses.embedding import Embedder, Hashed
from tokenop.gateway.responses.policy import EmbedderChoice
from tokenop.providers import registry
from tokenop.providers.base import Target

if TYPE_CHECKING:
    import aiohttp

    from tokenop.gateway.responses.embedding import Vector

KEY = "TOKENOP_EMBEDDINGS_API_KEY"
FLOOR = 0.85
_MODELS = {"ollama": "nomic-embed-text", "openai": "text-embedding-3-small"}
_URLS = {"openai": "http://127.0.0.1:8080/v1"}
_LONGEST = 1024 * 1024
_MOST_DIMENSIONS = 4_096
# One that does not answer is left alone: each call would wait for it.
_REST_SECONDS = 10.0


def chosen(choice: EmbedderChoice, env: Mapping[str, str]) -> Embedder:
    """Return the embedder that a config names."""
    return Hashed() if choice.kind == "hashed" else Asked(choice, env)


class Asked:
    """Asks a server, for `timeout_seconds` at most. What goes wrong is no vector, and it is left alone for a while."""

    def __init__(
        self, choice: EmbedderChoice, env: Mapping[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take who is asked. The key is that of `TOKENOP_EMBEDDINGS_API_KEY` alone: a config names none."""
        self._ollama = choice.kind == "ollama"
        self._model = choice.model or _MODELS[choice.kind]
        self._url = _address(choice, env)
        self._seconds = choice.timeout_seconds
        key = env.get(KEY, "")
        self._headers = {"authorization": f"Bearer {key}"} if key else {}
        self._clock = clock
        self._rests_until = -math.inf
        self._dimensions: int | None = None
        self._session: aiohttp.ClientSession | None = None
        self.space = f"{choice.kind}/{self._model}"
        self.floor = FLOOR

    async def embed(self, text: str) -> Vector | None:
        """Return the vector of a text; None where none comes in time."""
        if self._clock() < self._rests_until:
            return None
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._answer(text)
            vector = self._vector(body)
        except (OSError, TimeoutError, ValueError, TypeError, LookupError, msgspec.MsgspecError, RecursionError):
            vector = None
        except Exception as error:
            if not _of_aiohttp(error):
                raise
            vector = None
        if vector is None:
            self._rests_until = self._clock() + _REST_SECONDS
        return vector

    async def _answer(self, text: str) -> bytes:
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        asked = {"model": self._model, "input": [text]}
        async with self._session.post(self._url, json=asked, headers=self._headers, allow_redirects=False) as answer:
            if answer.status != 200:
                raise ValueError(answer.status)
            read = b""
            while piece := await answer.content.read(_LONGEST + 1 - len(read)):
                read += piece
                if len(read) > _LONGEST:
                    raise ValueError("too long")
            return read

    def _vector(self, raw: bytes) -> Vector | None:
        import numpy as np

        body: Any = msgspec.json.decode(raw)
        numbers = body["embeddings"][0] if self._ollama else body["data"][0]["embedding"]
        vector = np.array(numbers, np.float64)
        if vector.ndim != 1 or not 8 <= len(vector) <= _MOST_DIMENSIONS:
            return None
        if self._dimensions not in (None, len(vector)):
            return None  # another model answers under this name: its vectors lie elsewhere
        length = float(np.sqrt(vector @ vector))
        if not math.isfinite(length) or length == 0:
            return None
        self._dimensions = len(vector)
        return (vector / length).astype(np.float32)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            with contextlib.suppress(Exception):
                await self._session.close()
            self._session = None


def _address(choice: EmbedderChoice, env: Mapping[str, str]) -> str:
    if choice.kind == "ollama":
        # Where chats go to Ollama, embeddings do: the same variable says where that is.
        base = registry.base_url(Target("embedder", "ollama", "", base_url=choice.url), env)
        return f"{base.removesuffix('/v1')}/api/embed"
    return f"{(choice.url or _URLS['openai']).rstrip('/')}/embeddings"


def _of_aiohttp(error: Exception) -> bool:
    import aiohttp

    return isinstance(error, aiohttp.ClientError)
