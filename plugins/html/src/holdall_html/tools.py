"""A tool call and what came of it, together, folded to a line that says both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdall.formats.pairing import Answer
from holdall.sessions.views import Message, ToolRun
from holdall_html.text import escaped, line, readable
from holdall_html.values import fields, gist, value

__all__ = ["called", "duration", "logged", "returned"]

_SECOND, _MINUTE = 1_000, 60_000
_DAYS = 48


def called(part: Mapping[str, Any], answer: Answer | None, message: Message) -> str:
    """A call, with its result where that is known."""
    arguments = part.get("arguments")
    inside = _labelled("Input", fields(arguments))
    if answer is None:
        return _folded("tool", part.get("name"), gist(arguments), "no result", inside)
    failed = bool(answer.part.get("is_error"))
    took = answer.message.created_at - message.created_at
    outcome = _outcome(answer.part.get("content"), took if took > 0 else None, failed=failed)
    inside += _labelled("Error" if failed else "Output", value(answer.part.get("content")))
    return _folded("tool failed" if failed else "tool", part.get("name"), gist(arguments), outcome, inside)


def returned(part: Mapping[str, Any]) -> str:
    """A result whose call is far away, or unknown."""
    failed, content = bool(part.get("is_error")), part.get("content")
    inside = _labelled("Error" if failed else "Output", value(content))
    return _folded(
        "tool failed" if failed else "tool",
        "Result",
        str(part.get("id")),
        _outcome(content, None, failed=failed),
        inside,
    )


def logged(run: ToolRun) -> str:
    """A run that the session's log has, and no message."""
    failed = run.status == "failed"
    outcome = (
        "still running"
        if run.status == "running"
        else _outcome(run.get("result"), run.get("duration_ms"), failed=failed)
    )
    inside = _labelled("Input", fields(run.get("arguments")))
    if run.get("result") is not None:
        inside += _labelled("Output", value(run["result"]))
    if run.get("error"):
        inside += _labelled("Error", value(run["error"]))
    return _folded("tool failed" if failed else "tool", run.tool, gist(run.get("arguments")), outcome, inside)


def _folded(kind: str, name: Any, about: str, outcome: str, inside: str) -> str:
    shown = f' <code dir="auto">{escaped(about)}</code>' if about else ""
    return (
        f'<details class="{kind}"><summary><b dir="auto">{escaped(line(name, 60))}</b>{shown}'
        f' <span class="outcome">{outcome}</span></summary>\n<div class="inside">{inside}</div></details>\n'
    )


def _labelled(label: str, content: str) -> str:
    return f'<h3 class="label">{label}</h3> {content}' if content else ""


def _outcome(content: Any, took: float | None, *, failed: bool) -> str:
    lines = len(readable(content).splitlines()) if isinstance(content, str) else 0
    told = ["failed" if failed else "done"]
    if lines > 1:
        told.append(f"{lines:,} lines")
    if took is not None:
        told.append(duration(took))
    return " · ".join(told)


def duration(milliseconds: float) -> str:
    """A length of time, as people say it."""
    if milliseconds < _SECOND:
        return f"{milliseconds:.0f} ms"
    if milliseconds < _MINUTE:
        return f"{milliseconds / _SECOND:.1f} s"
    minutes, rest = divmod(round(milliseconds / _SECOND), 60)
    hours = minutes // 60
    if not hours:
        return f"{minutes} min {rest} s"
    return f"{hours} h {minutes % 60} min" if hours < _DAYS else f"{hours // 24} days"
