"""What a plugin's summariser is like, and what it is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from holdall.sessions.views import Message

__all__ = ["Brief", "Summariser"]


class Brief(Struct, frozen=True):
    """What is to be summarised: a few hundred messages, and what is known of those before them."""

    messages: Sequence[Message]
    """In their order."""
    most: int
    """How many tokens the summary may have."""
    count: Callable[[str], int]
    """Counts the tokens of a text."""
    earlier: str | None = None
    """The summary of what came before; the new one stands for that, too."""
    earlier_messages: int = 0
    """How many messages ``earlier`` stands for."""


class Summariser(Protocol):
    """Says in few words what messages say.

    Long ranges come piece by piece, each with the summary so far. Several calls may be on their way at once.
    """

    @property
    def about(self) -> Mapping[str, Any]:
        """What the record of a summary tells of how it was made, such as a model's name; readers of the session see it."""
        ...

    async def summarise(self, brief: Brief) -> str:
        """The summary, never empty; raises ``SummaryError`` where there can be none. Nothing is stored then.

        What takes the processor long belongs into a thread.
        """
        ...
