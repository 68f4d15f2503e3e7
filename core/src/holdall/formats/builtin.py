"""The formats that come with Holdall, registered by the hook that any plugin uses."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any

from holdall.hooks import FormatOffer, hookimpl

__all__ = ["holdall_formats"]


def _from(module: str, name: str) -> Callable[[], Any]:
    """Imports ``name`` of a module of this folder when it is called."""
    return lambda: getattr(importlib.import_module(f"holdall.formats.{module}"), name)


_DOCUMENT, _MARKDOWN = "application/json", "text/markdown; charset=utf-8"


@hookimpl
def holdall_formats() -> Iterable[FormatOffer]:
    """Every built-in format."""
    return [
        FormatOffer("jsonl", "everything, to be imported again", None, _from("lossless", "write"), every=True),
        FormatOffer("json", "everything, as one document", None, _from("document", "write"), _DOCUMENT, ".json", True),
        FormatOffer(
            "markdown", "the conversation, to be read", None, _from("markdown", "write"), _MARKDOWN, ".md", True
        ),
        FormatOffer("original", "the records it was imported from", None, _from("verbatim", "write")),
        FormatOffer("holdall", "Holdall's own JSONL", _from("lossless", "READER")),
        FormatOffer("claude-code", "Claude Code transcripts", _from("claude", "READER")),
        FormatOffer("codex", "Codex rollouts", _from("codex", "READER")),
        FormatOffer(
            "openai", "OpenAI messages or conversations", _from("openai", "READER"), _from("openai_export", "write")
        ),
        FormatOffer(
            "atif",
            "ATIF trajectories",
            _from("atif_import", "READER"),
            _from("atif", "write"),
            _DOCUMENT,
            ".json",
            True,
        ),
        FormatOffer("chatgpt", "ChatGPT's export of conversations", _from("chatgpt", "READER")),
        FormatOffer("librechat", "LibreChat's export of a conversation", _from("librechat", "READER")),
        FormatOffer("chatbot-ui", "Chatbot UI's export of conversations", _from("chatbotui", "READER")),
        FormatOffer("gemini-cli", "Gemini CLI sessions", _from("gemini", "READER")),
        FormatOffer("pi", "sessions of the pi coding agent", _from("pi", "READER")),
        FormatOffer("sharegpt", "ShareGPT conversations, with preferences", _from("sharegpt", "READER")),
        FormatOffer("oasst", "OASST message trees", _from("oasst", "READER")),
    ]
