"""Nothing that anybody said is more than text on the page, and none of it is hidden."""

from __future__ import annotations

import gzip
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from html_shown import ANSWER, CALL, Page, assert_inert, of, page, says

from holdall.sessions.store import Store
from holdall_html.prose import prose

BAD = Path(__file__).parents[4] / "shared" / "data" / "bad-input"
ATTACKS = [
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</pre></code></details><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' autofocus onfocus='alert(1)",
    "[x](javascript:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "<javascript:alert(1)>",
    "![x](javascript:alert(1))",
    "![x](https://pictures.example/x.png)",
    "![x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox(1) 'title')",
    '[x](https://a.example "onclick=alert(1)")',
    '[x](https://a.example/"onclick="alert(1))',
    '```"><script>alert(1)</script>\nx\n```',
    "<!-- x --><![CDATA[x]]><?php x ?>",
    "|a|\n|:-:|\n|<script>|",
    "\x00\x1b[31m\u202e\u2028\ufffe\U0001ffff",
]

pytestmark = pytest.mark.covers("CV-07")


def corpus() -> list[str]:
    """Strings that made other programs stumble; those of the developers' data set where that is beside the checkout."""
    found = list(ATTACKS)
    if (BAD / "blns.json").is_file():
        found += json.loads((BAD / "blns.json").read_text())
        with tarfile.open(BAD / "fuzzdb.tar.gz") as archive:
            files = filter(None, (archive.extractfile(member) for member in archive if member.isfile()))
            found += [line for file in files for line in file.read().decode("utf-8", "replace").splitlines()]
        found += list(json.loads(gzip.decompress((BAD / "emoji.json.gz").read_bytes())))[::500]
    return found


@pytest.mark.req("SEC-INP-08")
async def test_nothing_that_anybody_said_is_more_than_text(store: Store) -> None:
    strings = corpus()
    session = await store.create(
        owner="ana", title=strings[0], project=strings[1], tags=["<b>"], metadata={"<i>": "<u>"}
    )
    kinds: Any = (
        lambda text: {"type": "text", "text": text},
        lambda text: {"type": "thinking", "text": text},
        lambda text: {"type": "tool_call", "id": text, "name": text, "arguments": {text or "x": text}},
        lambda text: {"type": "tool_call", "id": text, "name": text, "arguments": text},
        lambda text: {"type": "tool_result", "id": text, "content": text},
        lambda text: {
            "type": "tool_result",
            "id": f"{text}?",
            "content": [{"type": "text", "text": text}, {"x": text}],
        },
        lambda text: {"type": "image", "url": text, "media_type": text, "data": text},
        lambda text: {"type": "image", "url": text},
        lambda text: {"type": "file", "url": text, "name": text, "media_type": text},
        lambda text: {"type": "data", "data": text},
        lambda text: {"type": text[:64] or "x", "x": text},
    )
    for text in strings:
        roles = [says("user", text), says("assistant", *(kind(text) for kind in kinds), metadata={"model": text})]
        named = {"name": text[:200] or "x", "edited": {"version": text}}
        runs = [{"tool": text[:200] or "x", "arguments": {"a": text}, "result": text, "error": text}]
        await store.append(session.id, [*roles, says("system", text, **named)], tools=runs)
    shown = await page(store, session.id)
    assert_inert(shown)
    assert len(shown.all("article")) + len(
        [one for one in shown.all("span") if one.get("class") == "moved"]
    ) == 3 * len(strings)
    assert sum(tag == "h1" for tag, _ in shown.tags) == 1


@pytest.mark.req("SEC-INP-08")
async def test_what_is_not_markdown_is_shown_to_the_letter(store: Store) -> None:
    texts = [text for text in corpus() if text.isprintable() and text.strip()]
    calls = [{**CALL, "id": str(number)} for number in range(len(texts))]
    answers = [
        {**ANSWER, "id": str(number), "content": [{"type": "text", "text": text}]} for number, text in enumerate(texts)
    ]
    shown = await of(store, says("assistant", *calls), says("tool", *answers))
    told = shown.article("msg_main_0000000000").replace("Output \n", "Output ")
    assert all(f"Output {text}" in told for text in texts)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[error]: it failed", "[error]: it failed"),
        (r"$\int_0^1 x^2\,dx$, \(a_b * c_d\) and \[ *x* \]", r"$\int_0^1 x^2\,dx$, \(a_b * c_d\) and \[ *x* \]"),
        ("$$\n\\frac{a}{b}\\;<b>\n$$", "$$ \\frac{a}{b}\\;<b> $$"),
        ("not a title\n=====", "not a title ====="),
        ("<b>bold</b> &lt; <!-- gone? -->", "<b>bold</b> &lt; <!-- gone? -->"),
        (
            "[relative](src/main.py) and [x](javascript:alert(1))",
            "[relative](src/main.py) and [x](javascript:alert(1))",
        ),
        (">" * 200 + " deep", ">" * 200 + " deep"),
        ("- " * 200 + "deep", "- " * 200 + "deep"),
        ("*" + "[" * 2000, "*" + "[" * 2000),
        ("*a* " * 20_000, ("*a* " * 20_000).strip()),
    ],
)
def test_markdown_hides_nothing_that_was_pasted(text: str, shown: str) -> None:
    found = Page(prose(text)).article()
    assert " ".join(found.split()) == " ".join(shown.split())


def test_dollars_that_are_money_or_names_are_no_formulas() -> None:
    assert "formula" not in prose("it costs $5 or $10, see $HOME/$PATH, `$x$` and $ 3 $")
    assert prose("$x$<script>").count('<span class="formula" dir="ltr">$x$</span>&lt;script&gt;') == 1


def test_lists_and_tables_stand_on_the_side_of_their_writing() -> None:
    text = "- أولاً\n- two\n\n| العمود | B |\n|---|---|\n| أ | 1 |\n\n> שלום\n\n1. one\n2. ثانياً"
    found = Page(prose(text))
    sides = {tag: attrs.get("dir") for tag, attrs in found.tags if tag in ("ul", "ol", "table", "blockquote")}
    assert sides == {"ul": "rtl", "table": "rtl", "blockquote": "rtl", "ol": None}
