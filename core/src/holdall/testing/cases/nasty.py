"""Names that some file system, database, shell, encoding or case folding takes for another, or refuses."""
# ruff: noqa: RUF001 - being ambiguous is what they are here for

from __future__ import annotations

__all__ = ["NASTY"]

_PATHS = (
    ". .. ... ../up a/../b / // /etc/passwd a/b a//b a\\b C:\\x c: ~ - --help .a a. a.. a:b a::b :a a: .git lost+found"
)
_RESERVED = "con NUL aux.txt COM1 lpt9. desktop.ini __proto__ None null true 0 -1 1e3 rowid sqlite_master"
_SHELLS = "' \" ';-- % %2F %00 a% * ? [a] {} ${x} $(x) a,b a;b a=b a&b <a> | ` # @"
_ENCODED = 'YQ== YQ 6161 =61 a=2Fb a%2fb _ __ a_b a__b _61_ 1,2 ["a","b"] {"a":1} \\x00 \\u0000 a\\0b'
_FOLDED = "a A å Å a\u030a A\u030a \u212b ß ẞ ss SS ﬁ fi İ i I ı Σ σ ς é e\u0301 e ｅ ² 2"
_WIDE = "😀 👩\u200d👩\u200d👧 \U0010ffff 日本語 كتاب \ud7ff \uffff \ue000"
_INVISIBLE = (
    " ",
    "  ",
    " a",
    "a ",
    "a b",
    "a\tb",
    "\t",
    "a\0b",
    "\0",
    "null\0",
    "a\nb",
    "\r\n",
    "\x1b[31m",
    "\x7f",
    "\x01",
)
_UNSEEN = ("\u200b", "\ufeff", "\u202e", "\u2028", "\x85", "\xa0", "a\u200b")
_LONG = ("x" * 200, "X" * 200, "é" * 100, "日" * 66, "😀" * 50, "\0" * 200, "/" * 200, "." * 200, " " * 200, "%" * 200)

NASTY: tuple[str, ...] = (
    *f"{_PATHS} {_RESERVED} {_SHELLS} {_ENCODED} {_FOLDED} {_WIDE}".split(" "),
    *_INVISIBLE,
    *_UNSEEN,
    *_LONG,
    "x" * 199 + ".",
)
"""None of them is empty, none is longer than 200 bytes, and no two are the same."""
