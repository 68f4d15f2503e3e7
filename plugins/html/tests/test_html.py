"""A session as a page: what it shows, that nothing in it is more than text, and that it is written a page at a time."""

from __future__ import annotations

import gzip
import json
import re
import tarfile
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import holdall
from holdall.formats import Formats, export
from holdall.formats.walking import Walk
from holdall.sessions.store import Store
from holdall_html.page import write
from holdall_html.prose import prose
from holdall_html.style import STYLE

BAD = Path(__file__).parents[4] / "shared" / "data" / "bad-input"
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


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with holdall.open({"storage": {"use": "memory"}, "sessions": {"sweep_every": 0}}) as opened:
        yield opened


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


async def test_it_reads_from_top_to_bottom(store: Store) -> None:
    shown = await of(
        store,
        says("user", "Please **list** `a`\nand say why"),
        says(
            "assistant", {"type": "thinking", "text": "they want a list"}, {"type": "text", "text": "# So\n\n- x"}, CALL
        ),
        says("tool", ANSWER),
        title="A <title>",
        project="site",
        tags=["red"],
    )
    assert " ".join(shown.article("msg_main_0000000000").split()) == "User 10:00:00 #1 Please list a and say why"
    second = "Assistant 10:00:00 #2 Thinking 16 characters they want a list So x ls ls -l a done · 2 lines"
    told = second + " Input command ls -l a limit 5 Output one two"
    assert " ".join(shown.article("msg_main_0000000001").split()) == told
    assert [tag for tag, _ in shown.tags if tag in ("strong", "br")] == ["strong", "br"]
    assert "<h3" in shown.source
    assert "A &lt;title&gt;</h1>" in shown.source
    assert {"Messages", "3", "Tool", "calls", "1", "site", "red", "main"} <= words(shown.article())


async def test_it_needs_nothing_from_elsewhere_and_runs_nothing(store: Store) -> None:
    shown = await of(store, says("user", "hello"))
    (policy,) = [meta["content"] or "" for meta in shown.all("meta") if "http-equiv" in meta]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert shown.source.count("<style>") == 1
    assert STYLE in shown.source
    assert "url(" not in STYLE
    assert "@import" not in STYLE
    assert not {"script", "link", "iframe", "object", "form"} & {tag for tag, _ in shown.tags}
    assert_inert(shown)


async def test_a_result_is_with_its_call_wherever_it_came(store: Store) -> None:
    calls = [{**CALL, "id": f"c{n}"} for n in range(3)]
    answers = [{**ANSWER, "id": f"c{n}", "content": f"answer {n}", "is_error": n == 1} for n in (2, 0, 1)]
    shown = await of(
        store,
        says("assistant", *calls),
        says("user", answers[0], answers[1]),
        says("user", answers[2], {"type": "text", "text": "stop"}),
        says("tool", {"type": "tool_result", "id": "unknown", "content": "lost"}),
    )
    order = re.findall(r"answer \d|stop|lost", shown.article())
    assert order == ["answer 0", "answer 1", "answer 2", "stop", "lost"]
    assert len([one for one in shown.all("details") if one["class"] == "tool failed"]) == 1
    assert {one["id"] for one in shown.all("span") if one.get("class") == "moved"} == {"msg_main_0000000001"}
    assert {one["id"] for one in shown.all("article")} == {f"msg_main_{n:010}" for n in (0, 2, 3)}


async def test_a_call_does_not_wait_for_its_result_for_ever(store: Store) -> None:
    session = await store.create(owner="ana", messages=[says("assistant", CALL)])
    for _ in range(4):
        await session.append([says("user", "and then?")] * 50)
    await session.append(says("tool", ANSWER))
    shown = await page(store, session.id)
    assert "no result" in shown.article("msg_main_0000000000")
    assert "one\ntwo" in shown.article("msg_main_0000000201")


async def test_images_are_shown_when_they_are_here_and_of_a_kind_that_is_a_picture(store: Store) -> None:
    shown = await of(
        store,
        says(
            "user",
            {"type": "image", "media_type": "image/png", "data": PIXEL},
            {"type": "image", "media_type": "image/svg+xml", "data": PIXEL},
            {"type": "image", "media_type": "image/png", "data": '"><script>'},
            {"type": "image", "url": "https://pictures.example/x.png"},
            {"type": "image", "url": "javascript:alert(1)"},
            {"type": "file", "name": "a.txt", "url": "https://files.example/a"},
        ),
        says("assistant", CALL),
        says("tool", {**ANSWER, "content": [{"type": "image", "source": {"media_type": "image/gif", "data": PIXEL}}]}),
    )
    assert [one["src"] for one in shown.all("img")] == [
        f"data:image/png;base64,{PIXEL}",
        f"data:image/gif;base64,{PIXEL}",
    ]
    links = [one["href"] for one in shown.all("a") if not (one["href"] or "").startswith("#")]
    assert links == ["https://pictures.example/x.png", "https://files.example/a"]
    assert_inert(shown)


async def test_a_reply_leads_to_what_it_is_to_and_an_edit_is_told(store: Store) -> None:
    session = await store.create(owner="ana", messages=[says("user", "m0")])
    await session.append(says("user", "again", reply_to="msg_main_0000000000"))
    await session.edit("msg_main_0000000001", content="better")
    await session.redact("msg_main_0000000000", reason="x")
    shown = await page(store, session.id)
    assert "redacted" in shown.article("msg_main_0000000000")
    assert {"in", "reply", "to", "edited", "version", "2", "better"} <= words(shown.article("msg_main_0000000001"))
    assert "#msg_main_0000000000" in [one["href"] for one in shown.all("a")]


async def test_every_writing_stands_in_its_own_direction(store: Store) -> None:
    texts = ["שלום <b>עולם</b>", "مرحبا `code` بك", "漢字かな交じり文", "👩‍👩‍👧‍👦 🏳️‍🌈", "mixed עברית text"]
    shown = await of(store, *(says("user", text) for text in texts), title="כותרת")
    for number, text in enumerate(texts):
        assert text.replace("`", "") in shown.article(f"msg_main_{number:010}")
    assert all(one.get("dir") == "auto" for tag, one in shown.tags if tag in ("p", "h1") and one.get("class") != "day")


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


async def test_a_long_session_is_written_a_page_at_a_time_and_its_contents_stay_short(store: Store) -> None:
    session = await store.create(owner="ana")
    for start in range(0, 1500, 500):
        await session.append([says("user", f"question {start + n}") for n in range(500)])
    sizes: list[int] = []
    contents = 0
    async for piece in write(await Walk.begin(store, session.id)):
        sizes.append(piece.count(b"<article"))
        contents += piece.count(b'<span class="number">')
    assert max(sizes) == 100
    assert sum(sizes) == 1500
    assert 100 < contents <= 200


async def test_tools_that_no_message_tells_of_are_listed_at_the_end(store: Store) -> None:
    session = await store.create(owner="ana", messages=[says("user", "go")])
    await session.log_tool("bash", arguments={"command": "make"}, result="built", duration_ms=65_000)
    await session.log_tool("bash", arguments={"command": "make test"}, status="failed", error="broken")
    await session.log_tool("ls", call="c1", result="beside its call")
    shown = await page(store, session.id)
    told = shown.article().partition("Tool log")[2]
    assert re.findall(r"done · 1 min 5 s|failed|built|broken|beside", told) == [
        "done · 1 min 5 s",
        "built",
        "failed",
        "broken",
    ]


async def test_tokens_of_an_answer_in_several_pieces_count_once(store: Store) -> None:
    def piece(answer: str, output: int) -> dict[str, Any]:
        usage = {"input_tokens": 5, "cache_read_input_tokens": 100, "output_tokens": output}
        return says("assistant", "x", metadata={"model": "m-1", "message_id": answer, "usage": usage})

    shown = await of(
        store, piece("a", 1), piece("a", 30), piece("b", 7), says("assistant", "x", metadata={"model": "<synthetic>"})
    )
    assert "210 in (200 from a cache), 37 out" in shown.article()
    assert "synthetic" not in shown.article()


async def test_it_is_a_format_that_is_named(store: Store) -> None:
    session = await store.create(owner="ana", messages=[says("user", "hello")])
    formats = Formats(installed=True)
    found = b"".join([piece async for piece in export(store, session.id, "html", formats=formats)])
    assert found.startswith(b"<!DOCTYPE html>")
    offer = formats.offer("html", writes=True)
    assert (offer.media_type, offer.suffix, offer.reader) == ("text/html; charset=utf-8", ".html", None)


@pytest.mark.covers("CV-08")
async def test_every_branch_is_on_the_page_and_linked_from_where_it_leaves(store: Store) -> None:
    session = await store.create(owner="ana", messages=[says("user", "m0"), says("assistant", "m1")])
    await session.fork(at="msg_main_0000000000", name="retry", title="<b>again</b>")
    await session.append(says("user", "r1"), branch="retry")
    await store.start_sub(session.id, "msg_main_0000000001", name="sub-1", title="helper")
    await session.append(says("user", "s"), branch="sub-1")
    walk = await Walk.begin(store, session.id, every=True)
    shown = Page("".join([piece.decode() async for piece in write(walk)]))
    assert [one["id"] for one in shown.all("article")] == [
        "msg_main_0000000000", "msg_main_0000000001", "msg_retry_0000000001", "msg_sub-1_0000000002",
    ]  # fmt: skip
    assert "branch retry" in shown.article("msg_main_0000000000")
    assert "Branch retry: <b>again</b>" in shown.article("branch-retry")
    assert "Sub-conversation sub-1: helper" in shown.article("branch-sub-1")
    anchors = {one["href"] for one in shown.all("a")}
    assert {"#branch-retry", "#msg_main_0000000000", "#branch-sub-1", "#msg_main_0000000001"} <= anchors
    assert "#2" in shown.article("msg_retry_0000000001")
    contents = shown.source.partition("<nav>")[2].partition("</nav>")[0]
    assert re.findall(r"#(\d+)</span>.*?#(\w+-?\w+)\"", contents) == [
        ("1", "msg_main_0000000000"), ("2", "msg_retry_0000000001"), ("1", "msg_sub-1_0000000002"),
    ]  # fmt: skip
