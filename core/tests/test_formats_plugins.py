"""Formats are a kind of plugin: those of others stand beside the built-in ones, which are registered by the same hook."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from holdall import hookimpl
from holdall.errors import Invalid, PluginError
from holdall.formats import Formats, builtin, export
from holdall.formats.reading import transcripts
from holdall.formats.records import Transcript
from holdall.formats.sources import Source
from holdall.hooks import FormatOffer
from holdall.plugins import Plugins
from holdall.sessions.store import Store
from holdall.testing import FormatTests
from holdall.transfer.importing import Choices, import_file
from holdall.transfer.targets import StoreTarget

pytestmark = pytest.mark.covers("CV-07", "CV-16", "PL-03")

EXAMPLE = Path(__file__).parents[2] / "docs/examples/chatlog.py"
LOG = "2026-03-01 10:00 ana: is it up?\n2026-03-01 10:01 assistant: It is.\n"


@pytest.fixture
def formats() -> Formats:
    """The built-in formats and that of the example."""
    plugins = Plugins()
    plugins.load(str(EXAMPLE))
    return Formats(plugins)


class TestChatlog(FormatTests):
    plugin = "chatlog"
    plugin_file = EXAMPLE


SAMPLES = {
    "claude-code": '{"type":"user","uuid":"u1","sessionId":"s","message":{"role":"user","content":"hello"}}\n' * 2,
    "codex": '{"type":"response_item","payload":{"type":"message","role":"user","content":[{"text":"hello"}]}}\n',
    "chatgpt": '[{"id":"1","mapping":{"a":{"id":"a","children":[],"parent":null,\n"message":{"author":{"role":"user"},'
    '"content":{"content_type":"text","parts":["hello"]}}}}}]',
    "librechat": '{"conversationId":"1",\n"messages":[{"messageId":"a","isCreatedByUser":true,"text":"hello"}]}',
    "chatbot-ui": '{"history":[{"id":"1",\n"messages":[{"role":"user","content":"hello"}]}]}',
    "gemini-cli": '{"sessionId":"1","projectHash":"2",\n"messages":[{"id":"a","type":"user","content":"hello"}]}',
    "pi": '{"type":"session","id":"1","cwd":"/","timestamp":"2026-03-01T10:00:00Z"}\n{"type":"message",'
    '"timestamp":"2026-03-01T10:00:00Z","message":{"role":"user","content":[{"type":"text","text":"hello"}]}}\n',
    "sharegpt": '[{"conversations":[{"from":"human","value":"hello"}],"chosen":{"from":"gpt","value":"hi"}}]',
    "oasst": '{"prompt":{"message_id":"a","role":"prompter","text":"hello","replies":[]}}\n',
}


class BuiltIn(FormatTests):
    """The kit for a format that comes with Holdall."""

    plugin_file = builtin.__file__

    @pytest.fixture
    def samples(self, tmp_path: Path) -> list[Path]:
        """A file of it."""
        path = tmp_path / "sample"
        path.write_text(SAMPLES.get(self.plugin, ""))
        return [path]

    def test_the_files_of_others_are_left_to_them(self) -> None:
        """Those of this table are."""
        for name, text in SAMPLES.items():
            with TemporaryDirectory() as folder:
                path = Path(folder, name)
                path.write_text(text)
                assert Formats().detect(Source(path)) == name


class TestClaudeCode(BuiltIn):
    plugin = "claude-code"


class TestCodex(BuiltIn):
    plugin = "codex"


class TestChatGPT(BuiltIn):
    plugin = "chatgpt"


class TestLibreChat(BuiltIn):
    plugin = "librechat"


class TestChatbotUI(BuiltIn):
    plugin = "chatbot-ui"


class TestGemini(BuiltIn):
    plugin = "gemini-cli"


class TestPi(BuiltIn):
    plugin = "pi"


class TestShareGPT(BuiltIn):
    plugin = "sharegpt"


class TestOASST(BuiltIn):
    plugin = "oasst"


class TestJSONL(BuiltIn):
    plugin = "jsonl"


class TestMarkdown(BuiltIn):
    plugin = "markdown"


class Offering:
    """A plugin that offers what it is given."""

    def __init__(self, *offers: FormatOffer) -> None:
        self._offers = offers

    @hookimpl
    def holdall_formats(self) -> Any:
        return self._offers


def offering(*offers: FormatOffer) -> Formats:
    plugins = Plugins()
    plugins.register(Offering(*offers), "other")
    return Formats(plugins)


async def test_a_format_of_a_single_file_is_told_by_content_imported_and_exported(
    store: Store, formats: Formats, tmp_path: Path
) -> None:
    path = tmp_path / "site.log"
    path.write_text(f"{LOG}no time here\n")
    report = await import_file(StoreTarget(store), path, Choices("ana", formats=formats))
    (session,) = report.sessions
    assert (session.format, [(fault.line, fault.reason) for fault in report.faults]) == (
        "chatlog",
        [(3, "is not TIME NAME: TEXT")],
    )
    pieces = [piece async for piece in export(store, session.session, "chatlog", formats=formats)]
    assert b"".join(pieces).decode() == LOG
    again = await import_file(StoreTarget(store), path, Choices("ana", formats=formats))
    assert (again.sessions[0].present, sum(again.sessions[0].added.values())) == (2, 0)


def test_the_built_in_ones_come_by_the_hook(formats: Formats) -> None:
    names = [offer.name for offer in formats.offers]
    assert {"jsonl", "original", "claude-code", "chatlog"} <= set(names)
    assert "chatlog" not in [offer.name for offer in Formats().offers]
    assert all(isinstance(offer, FormatOffer) and offer.contract == 1 for offer in formats.offers)


def test_an_unknown_name_is_answered_with_the_nearest_and_with_what_there_is(formats: Formats, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"must be one of jsonl, .*; did you mean .chatlog.\?"):
        formats.offer("chatlgo", writes=True)
    with pytest.raises(Invalid, match="'codex' can only be imported; to export there are jsonl, json"):
        formats.writer("codex")
    with pytest.raises(Invalid, match="'markdown' can only be exported; to import there are holdall"):
        formats.reader("markdown")
    (tmp_path / "x").write_text("{}\n")
    with pytest.raises(Invalid, match=r"cannot be told from its content; name it with --format: .*chatlog"):
        next(transcripts(tmp_path / "x", formats=formats))


class Claims:
    """A reader that knows any file by a line."""

    def __init__(self, line: int) -> None:
        self._line = line

    def knows(self, _: Any) -> int:
        return self._line

    def transcripts(self, _: Any) -> Any:
        return iter(())


def test_the_earliest_line_tells_and_two_that_know_the_same_are_named(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"role":"user","content":"a"}\n')
    found = next(transcripts(path, formats=offering(FormatOffer("late", "", lambda: Claims(2)))))
    assert isinstance(found, Transcript)
    assert found.format == "openai"
    with pytest.raises(Invalid, match="it may be openai or same"):
        next(transcripts(path, formats=offering(FormatOffer("same", "", lambda: Claims(1)))))


def test_a_name_that_is_taken_and_an_offer_for_another_contract_are_refused() -> None:
    with pytest.raises(PluginError, match="a format named 'json' is offered by the plugins"):
        offering(FormatOffer("json", "mine")).writer("json")
    with pytest.raises(PluginError, match="written for contract 9"):
        offering(FormatOffer("mine", "mine", contract=9)).writer("mine")
