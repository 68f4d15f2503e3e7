"""The page: what it is about, its contents, the conversation, and the tools that no message tells of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from holdall import __version__
from holdall.formats.pairing import paired
from holdall.formats.stretches import Stretch
from holdall.formats.walking import Walk
from holdall_html import tools
from holdall_html.messages import Writer, moment
from holdall_html.overview import Overview, surveyed
from holdall_html.style import POLICY, STYLE
from holdall_html.text import escaped, line

__all__ = ["write"]


async def write(walk: Walk) -> AsyncIterator[bytes]:
    """The session as one page that needs nothing else: no script, and nothing from the net.

    Read twice: for what is told at the top, and for the conversation. No more than a page of messages, and those that
    wait for what their tools answered, is held at a time.
    """
    overview = await surveyed(walk)
    yield (_head(walk, overview) + _contents(overview)).encode()
    writer = Writer(_leaving(walk.stretches))
    for stretch in walk.stretches:
        if stretch.origin is not None:
            writer.again()
            yield _begun(stretch).encode()
        number = stretch.first - stretch.line.first + 1
        async for turns in paired(walk.messages_of(stretch)):
            # In a thread: a page of long texts takes longer than others who wait for this process may be kept waiting.
            yield (await asyncio.to_thread(writer.write, turns, number)).encode()
            number += len(turns)
    async for piece in _log(walk):
        yield piece
    yield _FOOT.encode()


def _leaving(stretches: Sequence[Stretch]) -> Mapping[str, Sequence[str]]:
    """By the id of a message: the branches that leave the conversation there."""
    found: dict[str, list[str]] = {}
    for stretch in stretches:
        if stretch.follows is not None:
            found.setdefault(stretch.follows, []).append(stretch.branch)
    return found


def _begun(stretch: Stretch) -> str:
    """The heading of a branch, whose own messages follow."""
    origin, name = stretch.origin, escaped(stretch.branch)
    sub = origin is not None and origin.under is not None
    title = f": {escaped(line(origin.title))}" if origin is not None and origin.title else ""
    where = f'<a href="#{escaped(stretch.follows)}">{escaped(stretch.follows)}</a>' if stretch.follows else "nothing"
    gone = "" if stretch.deletion is None else f" · deleted {_when(stretch.deletion.at)}"
    kind, how = ("Sub-conversation", "under") if sub else ("Branch", "goes on after")
    return (
        f'<section class="branch" id="branch-{name}"><h2 dir="auto">{kind} {name}{title}</h2>'
        f'<p class="note">{how} {where}{gone}</p></section>\n'
    )


def _head(walk: Walk, overview: Overview) -> str:
    title = escaped(line(walk.session.title or "Session", 500))
    more = _listed(_more(walk))
    return (
        '<!DOCTYPE html>\n<html lang="und">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="robots" content="noindex">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<header>\n<h1 dir="auto">{title}</h1>\n{_listed(_facts(walk, overview))}\n'
        f'<details class="more"><summary>More of the session</summary>{more}</details>\n</header>\n'
    )


def _listed(told: list[tuple[str, str]]) -> str:
    rows = (f'<div><dt dir="auto">{name}</dt> <dd dir="auto">{what}</dd></div>\n' for name, what in told if what)
    return f'<dl class="facts">{"".join(rows)}</dl>'


def _facts(walk: Walk, overview: Overview) -> list[tuple[str, str]]:
    """What a reader wants to know first: names and HTML; the empty ones are left out."""
    totals, others = overview.totals, walk.session.state.record.branches
    models = sorted(overview.models, key=lambda name: -overview.models[name])
    cached = f" ({totals.cached:,} from a cache)" if totals.cached else ""
    return [
        ("Messages", f"{overview.messages:,}"),
        ("Tool calls", f"{overview.calls:,}" if overview.calls else ""),
        ("Began", "" if overview.first is None else _when(overview.first)),
        ("Took", _span(overview)),
        ("Model", escaped(", ".join(line(name, 80) for name in models))),
        ("Tokens", f"{totals.input:,} in{cached}, {totals.output:,} out" if totals.told else ""),
        ("Cost", f"${totals.cost:,.2f}" if totals.cost else ""),
        ("Project", escaped(line(walk.session.project or ""))),
        ("Branches", f"{len(walk.stretches):,}" if walk.every else ""),
        ("Branch", "" if walk.every else escaped(walk.line.branch) + (f", one of {others + 1:,}" if others else "")),
    ]


def _span(overview: Overview) -> str:
    if overview.first is None or overview.last is None or overview.first == overview.last:
        return ""
    return tools.duration(overview.last - overview.first)


def _more(walk: Walk) -> list[tuple[str, str]]:
    session = walk.session
    short = [(name, told) for name, told in session.metadata.items() if isinstance(told, str | int | float)]
    return [
        ("Session", f"<code>{escaped(session.id)}</code>"),
        ("Version", f"{session.version}"),
        ("State", escaped(session.status)),
        ("Tags", "".join(f'<span class="tag">{escaped(tag)}</span> ' for tag in session.tags)),
        *((escaped(line(name, 60)), escaped(line(told))) for name, told in short),
    ]


def _when(at: int) -> str:
    return f'<time datetime="{moment(at)}">{moment(at).replace("T", " ").removesuffix("Z")} UTC</time>'


def _contents(overview: Overview) -> str:
    rows = "\n".join(
        f'<li><span class="number">#{one.number:,}</span><a dir="auto" href="#{escaped(one.message)}">{escaped(one.text)}</a></li>'
        for one in overview.headings
    )
    some = f", one of every {overview.every:,} that were asked" if overview.every > 1 else ""
    contents = (
        f"<nav><details><summary>Contents{some}</summary><ol>\n{rows}\n</ol></details></nav>\n"
        if len(overview.headings) > 1
        else ""
    )
    return (
        f'{contents}<div class="show"><label><input type="checkbox" id="without-tools"> without tools</label>'
        '<label><input type="checkbox" id="without-thinking"> without thinking</label></div>\n<main>\n'
    )


async def _log(walk: Walk) -> AsyncIterator[bytes]:
    """The runs of tools that were logged by themselves: those with a call are beside it."""
    begun = False
    async for runs in walk.tool_runs():
        found = [run for run in runs if not run.get("call")]
        if found and not begun:
            begun = True
            yield b'<section class="log"><h2>Tool log</h2>\n'
        if found:
            yield "".join(await asyncio.to_thread(list, map(tools.logged, found))).encode()
    if begun:
        yield b"</section>\n"


_FOOT = f"</main>\n<footer>Exported by Holdall {escaped(__version__)}. Times are in UTC.</footer>\n</body>\n</html>\n"
"""It does not say when: the same session is written the same."""
