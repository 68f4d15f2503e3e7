"""Records on their way to the storage and back: an envelope that says by what, and no guesses."""

from __future__ import annotations

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.storages import everything
from support.stores import text, user

import holdall
from holdall import SettingsError, hookimpl
from holdall.codecs import Codec, Envelope
from holdall.codecs.envelope import dictionary_in
from holdall.contract import Commit, Span
from holdall.entries import entries_named
from holdall.errors import CodecError, PluginError
from holdall.hooks import CipherOffer, CompressorOffer, KeySourceOffer, NoSettings, StorageOffer
from holdall.plugins import Plugins
from holdall_memory import MemorySessionStorage, holdall_storages

CANARY = "a canary that repeats, a canary that repeats, a canary that repeats"


class Zlib:
    def compress(self, data):
        return zlib.compress(data, 1)

    def decompress(self, data, limit):
        worker = zlib.decompressobj()
        found = worker.decompress(data, limit + 1)
        if len(found) > limit:
            raise CodecError("a record", "it is too large")
        return found


class Careless(Zlib):
    """Keeps no limit."""

    def decompress(self, data, limit):
        return zlib.decompress(data)


WHERE = ("session/x", ("messages/main", 5))


@given(
    st.integers(0, 255), st.integers(0, 255), st.text(max_size=60).filter(lambda key: len(key.encode()) < 256),
    st.integers(0, 2**64 - 1), st.sampled_from([b"", b"8 bytes."]), st.binary(max_size=200),
)  # fmt: skip
def test_an_envelope_is_unpacked_as_it_was_packed(  # noqa: PLR0917 - as hypothesis gives them
    compressor, cipher, key_id, version, dictionary, payload
):
    envelope = Envelope(compressor, cipher, key_id, version if cipher else 0, dictionary)
    assert dictionary_in(envelope.pack(payload)) == dictionary
    assert Envelope.unpack(envelope.pack(payload), "x") == (envelope, payload)


@given(st.binary(max_size=40))
def test_any_bytes_are_unpacked_or_refused(record):
    try:
        Envelope.unpack(record, "x")
    except CodecError:
        return
    assert record[0] in (1, 2)


@given(
    st.binary(max_size=300),
    st.sampled_from([Codec(), Codec(compressor=7, compressors={7: Zlib()})]),
)
def test_every_pipeline_gives_back_what_it_was_given(data, codec):
    record = codec.encode(*WHERE, 12, data)
    assert codec.decode(*WHERE, record) == data


@given(st.binary(min_size=1).filter(lambda data: data[0] >= 9))
def test_without_codecs_a_record_is_what_it_holds(data):
    assert Codec().encode(*WHERE, 12, data) is data


def test_what_would_grow_is_stored_as_it_is():
    codec = Codec(compressor=7, compressors={7: Zlib()})
    assert codec.encode(*WHERE, 12, b"{}") == b"{}"
    assert Envelope.unpack(codec.encode(*WHERE, 12, b"\1\2"), "x") == (Envelope(), b"\1\2")  # no JSON starts so


@pytest.mark.parametrize(
    ("codec", "record", "words"),
    [
        (Codec(), Envelope(7).pack(b"x"), "compressor 7, which is not configured"),
        (Codec(), Envelope(0, 3, "k", 1).pack(b"x"), "encrypted with cipher 3, which is not configured"),
        (Codec(compressors={7: Zlib()}), Envelope(7).pack(b"not zlib"), "cannot be decompressed"),
        (Codec(), b"\x03\0\0\0x", "unknown format"),
        (Codec(), b"\x02\0\0\0x", "cut short"),
        (
            Codec(compressors={7: Zlib()}),
            Envelope(7, dictionary=b"8 bytes.").pack(b"x"),
            "needs dictionary 382062797465732e",
        ),
        (Codec(), b"", "unknown format"),
        (Codec(), b"\x01\0\0\x09x", "cut short"),
        (Codec(), b"\x01\0\x03\0x", "cut short"),
        (Codec(), b"\x01\0\0\x01\xffx", "not UTF-8"),
    ],
)
@pytest.mark.req("SEC-INP-04")
def test_what_cannot_be_read_is_a_typed_error_that_names_the_record(codec, record, words):
    with pytest.raises(CodecError, match=words) as caught:
        codec.decode(*WHERE, record)
    assert caught.value.name == "session/x messages/main[5]"


@pytest.mark.req("SEC-INP-04")
@pytest.mark.parametrize("compressor", [Zlib(), Careless()])
def test_a_record_decompresses_to_no_more_than_the_limit(compressor):
    codec = Codec(compressor=7, compressors={7: compressor}, limit=1_000)
    assert codec.decode(*WHERE, codec.encode(*WHERE, 1, b"x" * 1_000)) == b"x" * 1_000
    bomb = codec.encode(*WHERE, 1, b"x" * 1_000_000)
    assert len(bomb) < 10_000
    with pytest.raises(CodecError):
        codec.decode(*WHERE, bomb)


# --- configured ----------------------------------------------------------------------------------------------------


class Kept:
    """A plugin with one storage that stays what it is between openings, and codecs."""

    def __init__(self):
        self.storage = MemorySessionStorage()

    @hookimpl
    def holdall_storages(self):
        memory = holdall_storages()[0]
        return [
            StorageOffer("kept", "", NoSettings, lambda _: self.storage, memory.abilities, memory.sandbox),
        ]

    @hookimpl
    def holdall_compressors(self):
        return [
            CompressorOffer("zip", "a fixture", 7, NoSettings, lambda _: Zlib()),
            CompressorOffer("other", "has the same tag", 7, NoSettings, lambda _: Zlib()),
            CompressorOffer("zero", "has no tag", 0, NoSettings, lambda _: Zlib()),
            CompressorOffer("broken", "cannot be opened", 9, NoSettings, lambda _: 1 / 0),
        ]

    @hookimpl
    def holdall_ciphers(self):
        return [
            CipherOffer("seal", "a fixture", 3, NoSettings, lambda _: None),
            CipherOffer("sealed", "has the same tag", 3, NoSettings, lambda _: None),
            CipherOffer("broken", "cannot be opened", 4, NoSettings, lambda _: 1 / 0),
        ]

    @hookimpl
    def holdall_key_sources(self):
        return [KeySourceOffer("nowhere", "has no keys", NoSettings, lambda _: 1 / 0)]


@pytest.fixture
def opening(clock):
    kept = Kept()

    def opened(**sections):
        plugins = Plugins()
        plugins.register(kept, "kept")
        config = {"storage": {"use": "kept"}, "sessions": {"sweep_every": 0}, **sections}
        return holdall.open(config, plugins=plugins, clock=clock)

    return opened


@pytest.mark.covers("ST-05", "LC-10")
async def test_compression_is_switched_on_and_off_and_everything_is_still_read(opening):
    async with opening() as store:
        name = (await store.create(owner="ana", messages=[user(CANARY + " 1")])).id
    async with opening(compression={"use": "zip"}) as store:
        await store.append(name, [user(CANARY + " 2")], key="k")
        run = (await store.append(name, (), tools=[{"tool": "t", "status": "running"}])).tools[0]
        await store.finish_tool_run(name, run.id, result=CANARY)
        await store.heartbeat(name)
        await store.get_or_create(owner="ana", key="mine")
        said = await everything(store.engine.storage)
        assert (b"repeats 1" in said, b"repeats 2" in said) == (True, False)
        assert text(await store.history(name)) == [CANARY + " 1", CANARY + " 2"]
    async with opening(compression={"reads": ["zip"]}) as store:
        await store.append(name, [user(CANARY + " 3")])
        assert (await store.append(name, [user(CANARY + " 2")], key="k")).replayed
        assert b"repeats 3" in await everything(store.engine.storage)
        assert text(await store.history(name)) == [CANARY + f" {n}" for n in (1, 2, 3)]
        assert len((await store.list(owner="ana")).items) == 2
    async with opening() as store:
        with pytest.raises(CodecError, match="compressor 7, which is not configured"):
            await store.history(name)


@pytest.mark.parametrize(
    ("sections", "error", "words"),
    [
        ({"compression": {"use": "zip", "reads": ["other"]}}, PluginError, "'other' has the tag 7, which is taken"),
        ({"compression": {"use": "zero"}}, PluginError, "'zero' has the tag 0"),
        ({"compression": {"use": "broken"}}, PluginError, "compressor 'broken' cannot be opened: ZeroDivisionError"),
        (
            {"compression": {"use": "zip", "options": {"levle": 1}}},
            SettingsError,
            "options of 'zip': unknown key 'levle'",
        ),
        ({"compression": {"use": "zpi"}}, PluginError, "no plugin 'zpi'"),
        ({"cache": {"policy": "none"}}, PluginError, "no plugin 'none'"),
        ({"encryption": {"use": "seal"}}, SettingsError, r"^encryption.keys: it must say where the keys come from"),
        ({"encryption": {"plaintext": "accept"}}, SettingsError, "neither which cipher to use nor which to read"),
        ({"encryption": {"plaintext": "maybe"}}, SettingsError, "plaintext"),
        ({"encryption": {"use": "seal", "reads": ["sealed"]}}, PluginError, "'sealed' has the tag 3, which is taken"),
        ({"encryption": {"use": "broken"}}, PluginError, "cipher 'broken' cannot be opened: ZeroDivisionError"),
        ({"encryption": {"use": "aes"}}, PluginError, "no plugin 'aes'"),
        ({"encryption": {"reads": ["aes"]}}, PluginError, "no plugin 'aes'"),
        ({"encryption": {"use": "seal", "options": {"x": 1}}}, SettingsError, "options of 'seal': unknown key 'x'"),
        ({"encryption": {"use": "seal", "keys": {"use": "nosuch"}}}, PluginError, "no plugin 'nosuch'"),
        ({"encryption": {"use": "seal", "keys": {"use": "nowhere"}}}, PluginError, "'nowhere' cannot be opened: Zero"),
    ],
)
async def test_what_is_wrong_with_a_codec_is_told_before_anything_is_opened(opening, sections, error, words):
    with pytest.raises(error, match=words):
        async with opening(**sections):
            pass


async def test_the_records_of_a_plain_store_are_json(opening):
    async with opening() as store:
        session = await store.create(owner="ana", messages=[user("hi")])
        await store.append(session.id, [user("hi")], tools=[{"tool": "t"}], key="k")
        snapshot = await store.engine.storage.load(
            f"session/{session.id}", Span("session"), Span("messages/main"), Span("tools"), Span("keys")
        )
    assert len(snapshot.records) == 5
    assert all(isinstance(json.loads(record), dict) for record in snapshot.records.values())


@pytest.mark.covers("OP-11")
async def test_a_compressor_that_is_gone_is_asked_for_by_name(opening, monkeypatch):
    """What one of Holdall's own wrote is read without a word in the configuration, as long as it is installed."""
    async with opening() as store:
        session = await store.create(owner="ana", messages=[user(CANARY)])
        partition = f"session/{session.id}"
        head = (await store.engine.storage.load(partition)).head
        record = (await store.engine.storage.load(partition, Span("messages/main"))).records["messages/main", 0]
        deflated = zlib.compress(record, wbits=-15)
        write = {("messages/main", 0): Envelope(1).pack(deflated)}
        await store.engine.storage.commit(Commit(partition, head.version, head.version + 1, head.changed, write=write))
    with monkeypatch.context() as patched:
        patched.setattr("holdall.plugins.entries_named", lambda _: [])
        async with opening() as store:
            with pytest.raises(CodecError, match=r"messages/main\[0\].*needs compressor 1: .*pip install holdall-zlib"):
                await store.history(session.id)
        with pytest.raises(PluginError, match=r"no plugin 'zstd' is installed.*pip install holdall-zstd"):
            async with opening(compression={"use": "zstd"}):
                pass
    if entries_named("zlib"):
        async with opening() as store:
            assert text(await store.history(session.id)) == [CANARY]
