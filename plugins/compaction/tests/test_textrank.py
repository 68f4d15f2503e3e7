"""Summaries without a model: in any language, the same everywhere, in a time that is bounded."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from holdall.sessions.summaries import Brief
from holdall.testing.conversations import message, said
from holdall_compaction import ranking
from holdall_compaction.estimate import Estimate, EstimateSettings
from holdall_compaction.sentences import sentences, words
from holdall_compaction.textrank import TextRank, summary

COUNT = Estimate(EstimateSettings()).count
TALKS = {
    "ja": "旅行の計画を立てましょう。京都へ行きたいです。京都では寺を見たいです！昨日の夕食はカレーでした。京都の寺は秋がきれいですか？猫が寝ています。秋の京都の寺へ行きましょう。",  # noqa: RUF001 - as written
    "zh": "我们来讨论数据库的备份。备份应该每天晚上运行。今天天气不错。每天晚上的备份保存在另一台服务器上！午饭吃什么？另一台服务器的备份需要加密。",  # noqa: RUF001 - as written
    "th": "เราจะไปเที่ยวทะเลที่หัวหิน โรงแรมที่หัวหินราคาไม่แพง แมวกำลังนอน ทะเลที่หัวหินสวยมาก อาหารทะเลที่หัวหินอร่อย วันนี้ฝนตก",
    "en": "Let us plan the backup. The backup runs every night. Lunch was good. Every night the backup goes to another server! "
    "What is for dinner? The backup on the other server is encrypted.",
}
MAIN = {"ja": "京都", "zh": "备份", "th": "หัวหิน", "en": "backup"}


@pytest.mark.covers("CV-10")
@pytest.mark.parametrize("language", TALKS)
async def test_it_finds_what_a_talk_is_about_in_every_script(language):
    talk = TALKS[language]
    whole = list(sentences(talk))
    assert len(whole) >= 6
    made = await TextRank(None).summarise(Brief([message(0, said("user", talk))], COUNT(talk) // 2, COUNT))
    chosen = list(sentences(made.removeprefix("user: ")))
    assert 0 < len(chosen) < len(whole)
    assert set(chosen) < set(whole), "sentences as they stand"
    assert [each for each in whole if each in chosen] == chosen, "in their order"
    assert sum(MAIN[language] in each for each in chosen) > len(chosen) / 2
    assert COUNT(made) <= COUNT(talk) // 2


@pytest.mark.covers("CV-10")
def test_sentences_end_as_they_do_in_each_script():
    assert list(sentences("One. Two? Three!\nFour v1.2 of e.g. five")) == [
        "One.",
        "Two?",
        "Three!",
        "Four v1.2 of e.g.",
        "five",
    ]
    assert list(sentences("「はい。」と言った。次。もう一つ")) == ["「はい。」", "と言った。", "次。", "もう一つ"]
    assert list(sentences("不能拆分？真的！好。")) == ["不能拆分？", "真的！", "好。"]  # noqa: RUF001 - as written
    assert list(sentences("سؤال؟ جواب.")) == ["سؤال؟", "جواب."]
    assert list(sentences("क्या? हाँ। ठीक")) == ["क्या?", "हाँ।", "ठीक"]
    assert list(sentences("a\n```\ncode. code.\n```\nb c")) == ["b c"]
    long = list(sentences("、".join(["長い文"] * 400)))
    assert all(len(each) <= 400 for each in long)
    assert "".join(long) == "、".join(["長い文"] * 400)
    assert words("Café au lait 日本語") == {"café", "au", "lait", "日本", "本語"}


@pytest.mark.covers("CV-10")
def test_an_earlier_summary_keeps_its_part_and_tools_are_counted():
    call = {"type": "tool_call", "id": "1", "name": "Bash", "arguments": {}}
    first = summary(
        Brief(
            [message(0, {"role": "assistant", "content": [call, call]}), message(1, said("user", TALKS["en"]))],
            80,
            COUNT,
        )
    )
    assert first.splitlines()[-1] == "tools used: Bash x2"
    news = [message(at, said("assistant", f"The cat number {at} sleeps on the sofa.")) for at in range(5)]
    second = summary(Brief([*news, message(6, {"role": "assistant", "content": [call]})], 80, COUNT, first, 30))
    assert "tools used: Bash x3" in second
    assert "backup" in second
    assert "cat" in second
    assert COUNT(second) <= 80


@pytest.mark.covers("CV-10")
def test_it_never_says_nothing():
    assert summary(Brief([message(0, said("user", ""))], 30, COUNT)) == "1 messages without words"
    long = summary(Brief([message(0, said("user", "x" * 390))], 10, COUNT))
    assert long
    assert COUNT(long) <= 10


@pytest.mark.covers("CV-10")
def test_the_same_messages_have_the_same_summary_in_every_process():
    code = (
        "from holdall.sessions.summaries import Brief; from holdall.testing.summarisers import talk\n"
        "from holdall_compaction.textrank import summary\n"
        "print(summary(Brief(talk(200), 60, len)), summary(Brief(talk(90), 900, len, 'Old words. More words.', 50)))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(seen) == 1


@pytest.mark.covers("CV-10")
def test_what_is_compared_is_bounded(monkeypatch):
    sizes = []
    inner = ranking.ranked
    monkeypatch.setattr("holdall_compaction.textrank.ranked", lambda bags: sizes.append(len(bags)) or inner(bags))
    talk = [message(at, said("user", f"Line {at} tells of pages. And of sweep {at % 9}.")) for at in range(3_000)]
    made = summary(Brief(talk, 60, COUNT))
    assert made
    assert sizes == [120]
