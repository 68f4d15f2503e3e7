"""What ``[summaries.options]`` may say. A key is never among it, only where the key is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct

__all__ = ["KeyReference", "OpenAISettings"]


class KeyReference(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the key is: one of the two."""

    env: Annotated[str, Meta(min_length=1, description="The environment variable that holds the key.")] | None = None
    file: Annotated[Path, Meta(description="The file that holds it; only its owner may read it.")] | None = None

    def __post_init__(self) -> None:
        """Exactly one is named."""
        if (self.env is None) is (self.file is None):
            raise ValueError("name one of env and file")


class OpenAISettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The options, ``[summaries.options]``."""

    base_url: Annotated[str, Meta(description="What comes before /chat/completions, such as https://…/v1.")]
    model: Annotated[str, Meta(min_length=1, max_length=200, description="The model's name, as the service has it.")]
    key: Annotated[KeyReference | None, Meta(description="Where the key is; without one, none is sent.")] = None
    language: Annotated[
        Annotated[str, Meta(min_length=1, max_length=100)] | None,
        Meta(description="What summaries are written in; without it, the conversation's own language."),
    ] = None
    prompt: Annotated[
        Annotated[str, Meta(min_length=1, max_length=10_000)] | None,
        Meta(description="What a summary should heed, beside what every one does."),
    ] = None
    timeout: Annotated[float, Meta(gt=0, le=3600, description="Seconds for one answer.")] = 60
    deadline: Annotated[
        float, Meta(gt=0, le=3600, description="Seconds for up to 500 messages, with every wait between requests.")
    ] = 300
    piece: Annotated[
        int, Meta(ge=2_000, le=2_000_000, description="Characters of the conversation in one request.")
    ] = 24_000
    thinking: Annotated[
        int, Meta(ge=0, le=200_000, description="Tokens that the model may think, beside those of the summary.")
    ] = 0

    def __post_init__(self) -> None:
        """The address is one, and holds no secret; it is not repeated, for it may hold one all the same."""
        try:
            url = urlsplit(self.base_url)
            known = url.scheme in ("http", "https") and url.hostname and (url.port is None or url.port > 0)
        except ValueError:
            known, url = False, urlsplit("")
        if not known or "@" in url.netloc or url.query or url.fragment or not self.base_url.isascii():
            raise ValueError("base_url must be http:// or https:// with a host, without user, query and fragment")
