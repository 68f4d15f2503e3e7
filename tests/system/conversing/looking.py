"""All that can be read of a session, to hold one server's against another's; and what must agree within it."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

from tests.system.conversing.asking import Line

__all__ = ["differences", "inconsistent", "look"]

_TIMES = 10**12
"""No other number is as large as a time in milliseconds."""


def look(line: Line, session: str) -> dict[str, Any] | None:
    """Everything; ``None`` where there is no such session."""
    path = f"/api/sessions/{session}"
    if line.ask("GET", path).status == 404:
        return None
    names = sorted(each["name"] for each in [*line.all(f"{path}/branches"), *line.all(f"{path}/branches", subs="true")])
    found: dict[str, Any] = {
        "session": line.get(path),
        "branches": [line.get(f"{path}/branches/{name}") for name in names],
        "deleted": line.all(f"{path}/branches", deleted="true")
        + line.all(f"{path}/branches", deleted="true", subs="true"),
        "histories": {name: line.all(f"{path}/history", back=True, branch=name) for name in names},
        "shown": line.all(f"{path}/history", back=True),
        "threads": line.all(f"{path}/threads", back=True),
        "totals": line.get(f"{path}/totals"),
        "branch totals": {name: line.get(f"{path}/totals", branch=name) for name in names},
        "parts": line.get(f"{path}/parts")["items"],
        "tools": line.all(f"{path}/tools", back=True),
        "originals": line.get(f"{path}/originals", limit=500)["items"],
        "compactions": line.all(f"{path}/compactions", back=True),
        "summaries": line.all(f"{path}/summaries", back=True),
        "context": line.get(f"{path}/active-context"),
        "contexts": {name: line.get(f"{path}/active-context", branch=name) for name in names},
    }
    ids = {message["id"] for history in found["histories"].values() for message in history}
    found["versions"] = {name: line.all(f"{path}/messages/{name}/versions") for name in sorted(ids)}
    found["redacted"] = {name: line.get(f"{path}/messages/{name}/redacted")["items"] for name in sorted(ids)}
    found["thread"] = {
        one["root"]["id"]: line.all(f"{path}/threads/{one['root']['id']}", back=True) for one in found["threads"]
    }
    found["parts read"] = {part["hash"]: len(line.raw(f"{path}/parts/{part['hash']}")) for part in found["parts"]}
    return _timeless(found, session)


def _timeless(found: Any, session: str) -> Any:
    if isinstance(found, dict):
        fields = cast("dict[str, Any]", found)
        return {name: _timeless(value, session) for name, value in fields.items() if not _is_time(value)}
    if isinstance(found, list):
        return [_timeless(value, session) for value in cast("list[Any]", found)]
    return "SESSION" if found == session else found


def _is_time(value: Any) -> bool:
    return isinstance(value, int) and value > _TIMES


def differences(left: Any, right: Any, at: str = "") -> list[str]:
    """Where two of them differ."""
    both: tuple[object, object] = left, right
    if isinstance(left, dict) and isinstance(right, dict):
        one, two = cast("dict[str, Any]", left), cast("dict[str, Any]", right)
        return [
            line for name in sorted({*one, *two}) for line in differences(one.get(name), two.get(name), f"{at}/{name}")
        ]
    if isinstance(left, list) and isinstance(right, list):
        first, second = cast("list[Any]", left), cast("list[Any]", right)
        if len(first) == len(second):
            pairs = enumerate(zip(first, second, strict=True))
            return [line for number, pair in pairs for line in differences(*pair, f"{at}/{number}")]
    return [] if left == right else [f"{at}: {str(both[0])[:300]} / {str(both[1])[:300]}"]


def inconsistent(line: Line, session: str, found: dict[str, Any]) -> list[str]:
    """What does not agree within one server: sums with what they are of, the search with what there is."""
    faults: list[str] = []
    for name, history in found["histories"].items():
        told = found["branch totals"][name]
        roles = dict(Counter(message["role"] for message in history))
        if told["messages"] != len(history) or told["roles"] != roles:
            faults.append(f"totals of {name}: {told}, but {len(history)} messages {roles}")
        cost = sum(message.get("cost_usd", 0) for message in history)
        tokens = sum(message.get("usage", {}).get("input_tokens", 0) for message in history)
        if abs(told["cost_usd"] - cost) > 1e-6 or told["input_tokens"] != tokens:
            faults.append(f"totals of {name}: {told}, but {cost} and {tokens}")
    ids = {
        message["id"]
        for history in found["histories"].values()
        for message in history
        if "common" in str(message["content"])
    }
    matches = {each["id"] for each in line.all(f"/api/sessions/{session}/search", q="common")}
    if ids != matches:
        faults.append(f"search: missing {sorted(ids - matches)[:5]}, too many {sorted(matches - ids)[:5]}")
    return faults
