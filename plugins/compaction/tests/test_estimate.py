"""The estimate of tokens, held to counts by a real vocabulary: OpenAI's o200k_base, counted once and written down here."""

from __future__ import annotations

import pytest

from holdall_compaction.estimate import Estimate, EstimateSettings

COUNTED = {
    "The quick brown fox jumps over the lazy dog, and then sleeps in the sun for an hour.": 20,
    "def total(items: list[int]) -> int:\n    return sum(item for item in items if item > 0)\n": 24,
    '{"path": "src/app/main.py", "line": 1042, "severity": "warning", "message": "unused import"}': 29,
    "今日はとても天気がいいので、友達と一緒に公園へ行って、お弁当を食べました。": 29,
    "我们需要把数据库备份到另一台服务器上，并且每天晚上检查一次备份是否完整。": 22,  # noqa: RUF001 - as written
    "오늘은 날씨가 아주 좋아서 친구와 함께 공원에 가서 점심을 먹었습니다.": 22,
    "วันนี้อากาศดีมาก เราจึงไปเที่ยวทะเลที่หัวหินกับเพื่อน แล้วกินอาหารทะเลด้วยกัน": 27,
    "Сегодня очень хорошая погода, поэтому мы с друзьями пошли гулять в парк.": 19,  # noqa: RUF001 - as written
    "اليوم الطقس جميل جدا، لذلك ذهبنا مع الأصدقاء إلى الحديقة وأكلنا الغداء.": 22,
    "Aujourd'hui il fait très beau, alors nous sommes allés déjeuner au parc avec des amis.": 19,
}


@pytest.mark.covers("CV-13")
@pytest.mark.parametrize("text", COUNTED)
def test_it_is_near(text):
    estimate = Estimate(EstimateSettings()).count(text)
    assert 0.7 <= estimate / COUNTED[text] <= 1.7, (estimate, COUNTED[text])


@pytest.mark.covers("CV-13")
def test_it_can_be_scaled():
    assert Estimate(EstimateSettings(scale=2)).count("one two three") == 6
    assert Estimate(EstimateSettings(scale=0.5)).count("one") == 1
