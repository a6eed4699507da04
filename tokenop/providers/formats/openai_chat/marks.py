"""What reading and writing share."""

from __future__ import annotations

NAME = "openai-chat"
