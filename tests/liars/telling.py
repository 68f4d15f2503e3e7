"""Formats that lie, as one single-file plugin, and an honest one: the chat logs of the examples."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path

from holdall.errors import Invalid
from holdall.formats.records import About, Entry, Fault, Transcript
from holdall.hooks import FormatOffer, hookimpl

EXAMPLE = Path(__file__).parents[2] / "docs/examples/chatlog.py"
spec = importlib.util.spec_from_file_location("chatlog_of_the_examples", EXAMPLE)
chatlog = importlib.util.module_from_spec(spec)
spec.loader.exec_module(chatlog)
FORMATS = []


def told(name, *caught_by, reader=chatlog.Log, writer=chatlog.write, samples=chatlog.samples):
    """Offer a format; each test of ``caught_by`` must fail with it."""
    FORMATS.append((FormatOffer(name, name, reader, lambda: writer, samples=samples), caught_by))


@hookimpl
def holdall_formats():
    return [offer for offer, _ in FORMATS]


class Everything(chatlog.Log):
    def knows(self, source):
        return 1


class Nothing(chatlog.Log):
    def knows(self, source):
        return None


class Words(chatlog.Log):
    """Makes messages that no store takes."""

    def transcripts(self, source):
        yield Transcript(
            About(), lambda: (Entry(n, "line", text, {"role": "elf", "content": text}) for n, text in source.lines())
        )


class Once(chatlog.Log):
    def transcripts(self, source):
        entries = chatlog.entries(source)
        yield Transcript(About(), lambda: entries)


class Anew(chatlog.Log):
    """A name of its own for each reading."""

    names = itertools.count()

    def transcripts(self, source):
        for found in super().transcripts(source):
            yield Transcript(About(id=str(next(self.names))), found.entries)


class Forgetful(chatlog.Log):
    """Keeps no original, so that nothing can be known again."""

    def transcripts(self, source):
        def entries():
            for entry in chatlog.entries(source):
                if isinstance(entry, Entry):
                    entry.original = None
                yield entry

        yield Transcript(About(), entries)


class Strict(chatlog.Log):
    def transcripts(self, source):
        def entries():
            for entry in chatlog.entries(source):
                if isinstance(entry, Fault):
                    raise Invalid(entry.reason)
                yield entry

        yield Transcript(About(), entries)


async def whole(walk):
    pages = [page async for page in walk.messages()]
    yield "".join(message.text for page in pages for message in page).encode()


async def newest(walk):
    pages = [page async for page in walk.messages()]
    for page in reversed(pages):
        for message in reversed(page):
            yield f"2026-03-01 10:00 {message.role}: {message.text}\n".encode()


async def short(walk):
    async for page in walk.messages():
        yield page[0].text.encode()


async def everyone(walk):
    async for piece in chatlog.write(walk):
        yield piece.replace(b"assistant:", b"user:")


told("honest")
told("everything", "test_the_files_of_others_are_left_to_them", reader=Everything)
told("nothing", "test_its_files_are_known_and_by_no_other", reader=Nothing)
told("words", "test_everything_in_its_files_is_kept", reader=Words)
told("once", "test_the_same_file_is_read_the_same", reader=Once)
told("anew", "test_the_same_file_brings_nothing_twice", "test_the_same_file_is_read_the_same", reader=Anew)
told("forgetful", "test_the_same_file_brings_nothing_twice", reader=Forgetful)
told("strict", "test_bad_input_is_named_and_never_raised", reader=Strict)
told("unsampled", "test_its_files_are_known_and_by_no_other", samples=lambda _: ())
told("whole", "test_an_export_holds_a_page", writer=whole)
told("newest", "test_an_export_has_every_message_in_order", writer=newest)
told("short", "test_an_export_has_every_message_in_order", writer=short)
told("everyone", "test_what_was_written_is_read_again", writer=everyone)
