"""A document that holds a whole conversation, taken apart: what is around its messages, and each message.

Each piece is an original of its own, so that a conversation of any size fits, and one that has grown brings only what
is new. ``holdall.formats.assembling`` puts the newest pieces together again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from holdall.formats.values import fields_of, json_of
from holdall.sessions.standins import ITEM

__all__ = ["DOCUMENT", "ITEM", "Item", "Layout", "head_of", "items_of", "json_text"]

DOCUMENT = "holdall-document"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a document keeps its items."""

    items: str
    """The field with an array of items, an object of them by name, or with ``nested`` one item."""
    nested: str | None = None
    """The field of an item with the items that follow it."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item: its name, and its value as it stands but for what is nested in it."""

    id: str
    above: str | None
    """The item that it is nested in."""
    value: Any
    _place: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The piece that keeps it; made when it is asked for, so that a conversation is not held twice."""
        return json_text({**self._place, "value": self.value})

    @property
    def fields(self) -> dict[str, Any]:
        """The value, if it is an object; an empty one otherwise."""
        return fields_of(self.value)


def json_text(value: Any) -> str:
    """JSON for ``value``, in which halves of surrogate pairs are escaped, and numbers without end are text."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        return json_text(json_of(value))
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


def head_of(document: Mapping[str, Any], layout: Layout) -> str:
    """The piece with everything around the items."""
    empty: Any = {} if isinstance(document[layout.items], dict) else []
    head = {"type": DOCUMENT, "items": layout.items, "nested": layout.nested}
    return json_text({**head, "value": {**document, layout.items: empty}})


def items_of(
    document: Mapping[str, Any], layout: Layout, name: Callable[[Mapping[str, Any], str], Any]
) -> Iterator[Item]:
    """The items in the order of the document. ``name`` finds the name in a value; it is given another for want of one."""
    taken: set[str] = set()
    waiting = _listed(document[layout.items], layout)[::-1]
    while waiting:
        at, key, value, above = waiting.pop()
        fields = fields_of(value)
        spare = key if key is not None else f"{'' if above is None else above}/{at}"
        found = name(fields, spare)
        identity = found if isinstance(found, str) and found and found not in taken else f"{spare}#{len(taken)}"
        taken.add(identity)
        inner = fields.get(layout.nested) if layout.nested else None
        if isinstance(inner, list):
            waiting += [(n, None, one, identity) for n, one in enumerate(cast("list[Any]", inner))][::-1]
            value = {**fields, str(layout.nested): list[Any]()}
        piece: dict[str, Any] = {"type": ITEM, "node": identity, "at": at}
        piece |= {} if key is None else {"key": key}
        piece |= {} if above is None else {"above": above}
        yield Item(identity, above, value, piece)


def _listed(found: Any, layout: Layout) -> list[tuple[int, str | None, Any, str | None]]:
    """The outermost items: place, key, value, and that they are in nothing."""
    if isinstance(found, dict):
        values = cast("dict[str, Any]", found)
        if layout.nested is not None:  # one item, and the others inside of it
            return [(0, None, values, None)]
        return [(at, key, value, None) for at, (key, value) in enumerate(values.items())]
    return [(at, None, value, None) for at, value in enumerate(cast("list[Any]", found))]
