"""What search is, whoever keeps an index: words, queries, what matches, and the verbs of an index.

The core says what matches; an index says where to look. It may name too much, never too little.
"""

from __future__ import annotations

from holdall.searching.index import (
    BlockingSearchIndex,
    Document,
    Found,
    Hit,
    Key,
    Known,
    KnownLane,
    LaneUpdate,
    SearchIndex,
    Update,
    Walked,
    Wanted,
)
from holdall.searching.query import Query
from holdall.searching.terms import Lookup, Need
from holdall.searching.words import terms_of

__all__ = [
    "BlockingSearchIndex",
    "Document",
    "Found",
    "Hit",
    "Key",
    "Known",
    "KnownLane",
    "LaneUpdate",
    "Lookup",
    "Need",
    "Query",
    "SearchIndex",
    "Update",
    "Walked",
    "Wanted",
    "terms_of",
]
