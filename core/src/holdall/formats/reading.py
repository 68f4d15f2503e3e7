"""From a file to the transcripts in it: the format told by content, or by whoever imports."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from holdall.errors import Invalid
from holdall.formats import claude, codex, lossless, openai
from holdall.formats.lines import head_of, read_lines
from holdall.formats.records import About, Entry, Fault, Record, Transcript

__all__ = ["IMPORTS", "detect", "transcripts"]

Lines = Iterable[Record | Fault]


@dataclass(frozen=True, slots=True)
class Import:
    """A form that transcripts come in."""

    about: str
    matches: Callable[[Record], bool]
    describe: Callable[[Sequence[Record]], About]
    entries: Callable[[Lines], Iterator[Entry | Fault]]


IMPORTS: Mapping[str, Import] = {
    "holdall": Import("Holdall's own JSONL", lossless.matches, lossless.about, lossless.entries),
    "claude-code": Import("Claude Code transcripts", claude.matches, claude.about, claude.entries),
    "codex": Import("Codex rollouts", codex.matches, codex.about, codex.entries),
    "openai": Import("OpenAI messages or conversations", openai.matches, openai.about, openai.entries),
}
"""By name: every form that can be imported, in the order in which they are tried."""


def detect(head: Sequence[Record]) -> str | None:
    """Which format the records of a file's beginning are of."""
    return next((name for name, form in IMPORTS.items() if any(map(form.matches, head))), None)


def transcripts(path: Path, format: str | None = None) -> Iterator[Transcript | Fault]:  # noqa: A002
    """The transcripts in a file, most often one."""
    if next(read_lines(path), None) is None:
        raise Invalid("it is empty")
    head = head_of(path)
    name = format or detect(head)
    if name is None:
        raise Invalid(f"its format cannot be told from its content; name it with --format: {', '.join(IMPORTS)}")
    if name not in IMPORTS:
        raise Invalid(f"no format {name!r}; there are {', '.join(IMPORTS)}")
    form = IMPORTS[name]
    if name == "openai" and any(map(openai.is_conversation, head)):
        yield from _conversations(path)
    else:
        matching = "order" if name == "holdall" else "content"
        yield Transcript(name, form.describe(head), lambda: form.entries(read_lines(path)), matching)


def _conversations(path: Path) -> Iterator[Transcript | Fault]:
    """A session for each line, called by its content, so that a longer file adds only what is new."""
    seen: Counter[str] = Counter()
    for line in read_lines(path):
        if isinstance(line, Fault):
            yield line
        elif not openai.is_conversation(line):
            yield Fault(line.line, "holds no messages")
        else:
            digest = hashlib.sha256(line.text.encode()).hexdigest()[:32]
            seen[digest] += 1
            about, made = openai.conversation(line)
            identity = About(id=f"{digest}-{seen[digest]}", fields=about.fields)
            yield Transcript("openai", identity, partial(_again, made), "order")


def _again(made: list[Entry]) -> Iterator[Entry | Fault]:
    return iter(made)
