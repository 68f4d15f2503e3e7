"""What people and models wrote, read as Markdown; raw HTML in it is text like any other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from unicodedata import bidirectional

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from holdall_html.formulas import know_formulas
from holdall_html.text import allowed, anchor, escaped, readable

__all__ = ["prose"]

_LONGEST = 50_000
"""The most characters of a text that are read as Markdown: longer ones are mostly something else, and are shown as is."""
_BRACKETS = 1_000
"""The most opening brackets in one: the library looks from each to the end, and back."""
_DEEPEST = 60
"""How deep quotes and lists may be nested: what is deeper, the library leaves out, so such a text is shown as is."""
_HIDING = ("lheading", "reference", "html_block", "html_inline", "entity")
"""Rules that take for markup, or for nothing at all, what people paste: lines of dashes, ``[error]: …``, tags, ``&lt;``."""
_AROUND = ("bullet_list_open", "ordered_list_open", "blockquote_open", "table_open")
"""Blocks whose side, of markers or of columns, is that of the writing in them."""
_STRONG = ("L", "R", "AL")
_HEADINGS = 2
"""How much smaller a message's headings are: the page has its own."""


def prose(text: str) -> str:
    """``text`` as HTML."""
    reader = _markdown()
    simple = len(text) <= _LONGEST and text.count("[") <= _BRACKETS
    tokens = reader.parse(readable(text)) if simple else []
    if not tokens or max(token.level for token in tokens) >= _DEEPEST - 2:
        return f'<p class="plain" dir="auto">{escaped(text)}</p>'
    return reader.renderer.render(tokens, reader.options, {})


@cache
def _markdown() -> MarkdownIt:
    reader = MarkdownIt(
        "commonmark", {"html": False, "breaks": True, "maxNesting": _DEEPEST, "xhtmlOut": False}, renderer_cls=_Renderer
    )
    reader.enable(["table", "strikethrough"]).disable(list(_HIDING))
    reader.validateLink = allowed  # type: ignore[method-assign] - as its manual says
    know_formulas(reader)
    reader.core.ruler.push("holdall", _shaped)
    return reader


def _shaped(state: Any) -> None:
    """Headings under the page's own; every block in the direction of its own writing."""
    for at, token in enumerate(state.tokens):
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + _HEADINGS, 6)}"
        if token.nesting == 1 and token.type in (
            "paragraph_open",
            "heading_open",
            "th_open",
            "td_open",
            "list_item_open",
        ):
            token.attrSet("dir", "auto")
        elif token.nesting == 1 and token.type in _AROUND and _is_from_right(state.tokens, at):
            token.attrSet("dir", "rtl")


def _is_from_right(tokens: Sequence[Token], at: int) -> bool:
    """Whether what is in a block begins with a letter of a script that goes from right to left."""
    for token in tokens[at + 1 :]:
        if token.level <= tokens[at].level:
            return False
        for letter in map(bidirectional, token.content if token.type == "inline" else ""):
            if letter in _STRONG:
                return letter != "L"
    return False


class _Renderer(RendererHTML):
    """As the library's, with links that tell nobody where they were followed, and no picture from elsewhere."""

    def link_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        tokens[idx].attrSet("rel", "noopener noreferrer nofollow")
        return self.renderToken(tokens, idx, options, env)

    def image(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:  # noqa: ARG002 - as it is called
        url = tokens[idx].attrs.get("src", "")
        return f'<span class="picture">{anchor(url, tokens[idx].content or str(url))}</span>'

    def fence(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:  # noqa: ARG002 - as it is called
        token = tokens[idx]
        language = token.info.strip().split(maxsplit=1)[0] if token.info.strip() else ""
        return _code(token.content, language)

    def code_block(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:  # noqa: ARG002 - as it is called
        return _code(tokens[idx].content, "")

    def table_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return f'<div class="wide">{self.renderToken(tokens, idx, options, env)}'

    def table_close(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return f"{self.renderToken(tokens, idx, options, env)}</div>\n"

    @staticmethod
    def renderAttrs(token: Token) -> str:  # noqa: N802 - the library's name
        """The attributes; a column's alignment as a class, for no style may be inline."""
        attrs = dict(token.attrs)
        alignment = str(attrs.pop("style", "")).removeprefix("text-align:")
        if alignment in ("center", "right"):
            attrs["class"] = alignment
        return "".join(f' {escaped(name)}="{escaped(value)}"' for name, value in attrs.items())


def _code(text: str, language: str) -> str:
    named = f' data-language="{escaped(language)}"' if language else ""
    return f'<pre dir="ltr" tabindex="0"{named}><code>{escaped(text)}</code></pre>\n'
