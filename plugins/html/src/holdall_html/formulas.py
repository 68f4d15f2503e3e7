"""Formulas between dollars, or brackets with a backslash: shown as they were written, where Markdown would take them apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from holdall_html.text import escaped

__all__ = ["know_formulas"]

_LONGEST = 2_000
"""Characters of a formula: what is longer is none, and its end is not looked for."""
_FORMULA = re.compile(
    r"\$\$(?=.)(?:[^$\\]|\\.)+\$\$"
    r"|\$(?=[^\s$])(?:[^$\\\n]|\\.)*[^\s\\$]\$(?!\w)"
    r"|\\\((?:[^\\]|\\[^()])+\\\)"
    r"|\\\[(?:[^\\]|\\[^][])+\\\]",
    re.DOTALL,
)


def know_formulas(reader: MarkdownIt) -> None:
    """Have ``reader`` leave formulas as they are."""
    reader.inline.ruler.before("escape", "formula", _taken)
    reader.add_render_rule("formula", _shown)


def _taken(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] not in "$\\":
        return False
    found = _FORMULA.match(state.src, state.pos, min(state.posMax, state.pos + _LONGEST))
    if found is None:
        return False
    if not silent:
        state.push("formula", "span", 0).content = found[0]
    state.pos = found.end()
    return True


def _shown(_renderer: Any, tokens: Sequence[Token], idx: int, _options: Any, _env: Any) -> str:
    return f'<span class="formula" dir="ltr">{escaped(tokens[idx].content)}</span>'
