"""The page of a session, taken apart."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from holdall.formats.walking import Walk
from holdall.sessions.store import Store
from holdall_html.page import write

__all__ = ["ANSWER", "CALL", "PIXEL", "Page", "assert_inert", "of", "page", "says", "words"]

VOID = frozenset(("meta", "img", "br", "hr", "input"))
TAGS = frozenset(
    [
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "dl",
        "dt",
        "dd",
        "div",
        "details",
        "summary",
        "nav",
        "ol",
        "ul",
        "li",
        "a",
        "main",
        "article",
        "section",
        "footer",
        "span",
        "p",
        "pre",
        "code",
        "b",
        "em",
        "strong",
        "s",
        "blockquote",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "hr",
        "br",
        "img",
        "label",
        "input",
        "time",
    ]
)
ATTRIBUTES = frozenset(
    [
        "lang",
        "charset",
        "name",
        "content",
        "http-equiv",
        "class",
        "dir",
        "id",
        "href",
        "rel",
        "title",
        "src",
        "alt",
        "loading",
        "type",
        "datetime",
        "tabindex",
        "start",
        "data-language",
    ]
)
SCHEMES = ("http:", "https:", "mailto:", "#")
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="


class Page(HTMLParser):
    """What is in a page: its text, and every tag with its attributes. A tag that is not closed is an error."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.source = text
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.of: dict[str, list[str]] = {"": []}
        self._open: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append((tag, dict(attrs).get("id")))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][0] in ("style", "title"):
            return
        for name in {"", *(name for _, name in self._open if name is not None)}:
            self.of.setdefault(name, []).append(data)

    def article(self, message: str = "") -> str:
        return "".join(self.of.get(message, []))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


async def page(store: Store, session: str) -> Page:
    return Page("".join([piece.decode() async for piece in write(await Walk.begin(store, session))]))


async def of(store: Store, *messages: dict[str, Any], **fields: Any) -> Page:
    return await page(store, (await store.create(owner="ana", messages=messages, **fields)).id)


def says(role: str, *parts: dict[str, Any] | str, **fields: Any) -> dict[str, Any]:
    content = parts[0] if len(parts) == 1 and isinstance(parts[0], str) else list(parts)
    return {"role": role, "content": content, "created_at": 1_772_359_200_000, **fields}


CALL = {"type": "tool_call", "id": "c1", "name": "ls", "arguments": {"command": "ls -l a", "limit": 5}}
ANSWER = {"type": "tool_result", "id": "c1", "content": "one\ntwo"}


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def assert_inert(shown: Page) -> None:
    """No tag, attribute or link but those that the page itself makes."""
    assert {tag for tag, _ in shown.tags} <= TAGS
    for tag, attrs in shown.tags:
        assert set(attrs) <= ATTRIBUTES, (tag, attrs)
        assert (attrs.get("href") or "#").lower().startswith(SCHEMES), attrs
        assert (attrs.get("src") or "data:image/").startswith("data:image/"), attrs
        if tag == "a" and not (attrs["href"] or "").startswith("#"):
            assert "noopener" in (attrs["rel"] or "")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]", shown.source)
