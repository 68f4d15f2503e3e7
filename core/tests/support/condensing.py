"""What compacts and summarises, for stores that are opened without a configuration."""

from __future__ import annotations

from holdall.sessions.compaction.counting import Counter
from holdall.sessions.compaction.squeezing import Strategy
from holdall.sessions.compaction.tools import Maker
from holdall.testing.conversations import Words
from holdall_compaction.textrank import TextRank
from holdall_compaction.window import Window

__all__ = ["SmallTools"]


class SmallTools:
    """A window, words, and the sentences of TextRank."""

    tokenizer, budget, above, most = "words", 5, None, 50

    def __init__(self):
        self.counter = Counter(Words())

    def strategies(self, names=None):
        return [Strategy("window", Window(None))]

    def maker(self, name=None):
        return Maker("textrank", TextRank(None))
