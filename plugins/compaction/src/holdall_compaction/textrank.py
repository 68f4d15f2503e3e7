"""The summariser ``textrank``: the sentences that say most of what the others say, as they stand. No model, no network.

It speaks no language, so it works in all of them; what tools gave back and blocks of code stay out of it.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from holdall import hookimpl
from holdall.hooks import NoSettings, SummariserOffer
from holdall.sessions.summaries import Brief
from holdall_compaction.ranking import ranked, shortlist
from holdall_compaction.sentences import sentences, words

__all__ = ["TextRank", "holdall_summarisers"]

_SPEAKERS = ("user", "assistant")
_LINE = re.compile(r"(user|assistant): (.*)")
_TOOLS = re.compile(r"tools used: (.*)")
_USED = re.compile(r"(\S+) x(\d+)")
_NAMED = 8
"""How many tools are named: those that were used most."""
_RANK = 0.6
"""What a sentence's rank has to be to be chosen; the mean is about 1."""
_ALIKE = 0.6
"""The part of its words that a sentence may share with one that is chosen already."""


class Candidate(Struct, frozen=True):
    """A sentence, and who said it."""

    speaker: str
    text: str
    bag: set[str]
    earlier: bool


class TextRank:
    """Chooses sentences."""

    def __init__(self, settings: NoSettings) -> None:
        del settings

    @property
    def about(self) -> Mapping[str, Any]:
        """There is nothing to tell."""
        return {}

    async def summarise(self, brief: Brief) -> str:
        """The summary, made in a thread."""
        return await asyncio.to_thread(summary, brief)


def summary(brief: Brief) -> str:
    """The sentences of ``brief`` that say most of it, in their order, a line for each speaker's."""
    found = [*_earlier(brief.earlier or ""), *_said(brief)]
    best = [found[at] for at in shortlist([one.bag for one in found])]
    ranks = ranked([one.bag for one in best])
    tools = _tools(brief)
    room = brief.most - (brief.count(tools) if tools else 0)
    chosen = _chosen(best, ranks, brief, room)
    lines = [*_lines([best[at] for at in sorted(chosen)]), *([tools] if tools and room > 0 else [])]
    if lines:
        return "\n".join(lines)
    if best:
        return _cut(best[max(range(len(best)), key=ranks.__getitem__)].text, brief)
    return f"{len(brief.messages) + brief.earlier_messages} messages without words"


def _said(brief: Brief) -> Iterator[Candidate]:
    for message in brief.messages:
        if message.role in _SPEAKERS:
            for sentence in sentences(message.text):
                yield Candidate(message.role, sentence, words(sentence), earlier=False)


def _earlier(text: str) -> Iterator[Candidate]:
    """The sentences of an earlier summary: one of our own, or any text."""
    for line in text.splitlines():
        if _TOOLS.fullmatch(line):
            continue
        match = _LINE.fullmatch(line)
        speaker, said = (match[1], match[2]) if match else ("assistant", line)
        for sentence in sentences(said):
            yield Candidate(speaker, sentence, words(sentence), earlier=True)


def _chosen(best: Sequence[Candidate], ranks: Sequence[float], brief: Brief, room: int) -> set[int]:
    """The places of the best that fit, each saying something new.

    What an earlier summary has gets the part of the room that the messages behind it are of all.
    """
    whole = len(brief.messages) + brief.earlier_messages
    share = room * brief.earlier_messages // max(whole, 1)
    order = sorted(range(len(best)), key=lambda at: (-ranks[at], at))
    order = [at for at in order if best[at].earlier or ranks[at] >= _RANK] or order[:1]
    chosen: set[int] = set()
    left = room
    for earlier, quota in ((True, share), (False, room - share), (None, room)):
        floor = left - min(quota, left)
        for at in order:
            one = best[at]
            if at in chosen or (earlier is not None and one.earlier is not earlier) or _told(one, best, chosen):
                continue
            cost = brief.count(f"{one.speaker}: {one.text}\n")
            if left - cost >= floor:
                chosen.add(at)
                left -= cost
    return chosen


def _told(one: Candidate, best: Sequence[Candidate], chosen: set[int]) -> bool:
    """Whether what is chosen says most of it already."""
    return any(len(one.bag & best[at].bag) > _ALIKE * len(one.bag) for at in chosen)


def _lines(chosen: Sequence[Candidate]) -> Iterator[str]:
    """A line for each turn of a speaker."""
    at = 0
    while at < len(chosen):
        end = next((n for n in range(at, len(chosen)) if chosen[n].speaker != chosen[at].speaker), len(chosen))
        yield f"{chosen[at].speaker}: {' '.join(one.text for one in chosen[at:end])}"
        at = end


def _tools(brief: Brief) -> str:
    """Which tools were used how often, those of an earlier summary included."""
    used: Counter[str] = Counter()
    for line in (brief.earlier or "").splitlines():
        match = _TOOLS.fullmatch(line)
        if match:
            used.update({name: int(count) for name, count in _USED.findall(match[1])})
    for message in brief.messages:
        content = message.content if isinstance(message.content, list) else []
        used.update("_".join(str(part.get("name")).split()) for part in content if part.get("type") == "tool_call")
    most = sorted(used.items(), key=lambda item: (-item[1], item[0]))[:_NAMED]
    return f"tools used: {', '.join(f'{name} x{count}' for name, count in most)}" if most else ""


def _cut(text: str, brief: Brief) -> str:
    """The beginning of a sentence that is too long by itself."""
    while len(text) > 1 and brief.count(text) > brief.most:
        text = text[: max(len(text) * brief.most // brief.count(text), 1)] if brief.most else text[:1]
        if brief.count(text) > brief.most:
            text = text[: len(text) // 2] or text[:1]
    return text


@hookimpl
def holdall_summarisers() -> list[SummariserOffer[NoSettings]]:
    """Offer it as ``textrank``."""
    about = "the sentences that say most of what the others say; offline, in any language"
    return [SummariserOffer("textrank", about, NoSettings, TextRank, contract=1)]
