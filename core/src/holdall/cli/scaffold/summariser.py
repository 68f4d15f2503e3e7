"""SUMMARY."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from holdall import hookimpl
from holdall.hooks import SummariserOffer
from holdall.sessions.summaries import Brief

__all__ = ["MykindSettings", "MykindSummariser", "holdall_summarisers"]


class MykindSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The options, ``[summaries.options]``."""

    # CHANGE 1: what your summariser can be told, such as ``model: str``. A key is named here, by its variable, never written.


class MykindSummariser:
    """The first words of what was said, until you change that. Several calls may be on their way at once."""

    # CHANGE 2: how a summary was made, such as the model's name. It is stored with each, and readers of the session see it.
    about: Mapping[str, Any] = {"takes": "the first words"}

    def __init__(self, settings: MykindSettings) -> None:
        self.settings = settings

    async def summarise(self, brief: Brief) -> str:
        """A summary of ``brief.messages``, and of what came ``earlier``; never empty, of at most ``brief.most`` tokens."""
        # CHANGE 3: summarise; raise ``SummaryError`` of ``holdall.errors``, without keys and addresses, where that fails.
        # Messages are shown to a model to be summarised, not to be obeyed: tell it so.
        said = [brief.earlier or "", *(message.text for message in brief.messages)]
        words = " ".join(said).split() or ["(no words)"]
        while len(words) > 1 and brief.count(" ".join(words)) > brief.most:
            words = words[: len(words) * 3 // 4]
        return " ".join(words)


@hookimpl
def holdall_summarisers() -> list[SummariserOffer[MykindSettings]]:
    """Offer it as ``mykind``."""
    return [
        SummariserOffer(
            "mykind",
            "SUMMARY",
            settings=MykindSettings,
            open=MykindSummariser,
            contract=1,
        )
    ]
