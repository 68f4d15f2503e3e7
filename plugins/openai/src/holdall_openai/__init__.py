"""The summariser ``openai``: a model behind any service that speaks OpenAI's chat completions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdall.hooks import SummariserOffer, hookimpl
from holdall_openai.settings import OpenAISettings

if TYPE_CHECKING:
    from holdall_openai.summariser import ChatSummariser

__all__ = ["OpenAISettings", "holdall_summarisers"]


def _open(settings: OpenAISettings) -> ChatSummariser:
    from holdall_openai.summariser import ChatSummariser  # noqa: PLC0415 - brings an HTTP client with it

    return ChatSummariser(settings)


def _sandbox(folder: Path) -> Mapping[str, Any]:
    """A service that the environment names."""
    del folder
    url = os.environ.get("HOLDALL_OPENAI_URL", "http://127.0.0.1:11434/v1")
    return {"base_url": url, "model": os.environ.get("HOLDALL_OPENAI_MODEL", "kit")}


@hookimpl
def holdall_summarisers() -> list[SummariserOffer[OpenAISettings]]:
    """Offer it as ``openai``."""
    about = "a model behind any service that speaks OpenAI's chat completions"
    return [SummariserOffer("openai", about, OpenAISettings, _open, contract=1, sandbox=_sandbox)]
