"""A session as a page: what it shows, and that it is written a page at a time."""

from __future__ import annotations

import re
from typing import Any

import pytest
from html_shown import ANSWER, CALL, PIXEL, Page, assert_inert, of, page, says, words

from holdall.formats import Formats, export
from holdall.formats.walking import Walk
from holdall.sessions.store import Store
from holdall_html.page import write
from holdall_html.style import STYLE


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
