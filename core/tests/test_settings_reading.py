"""The configuration: every fault is one line that says where, and what would be right; nothing is guessed."""

from __future__ import annotations

import http.server
import threading

import pytest

import holdall
from holdall import Invalid, SettingsError
from holdall.settings import Settings, read_settings

MEMORY = {"storage": {"use": "memory"}}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    import os  # noqa: PLC0415

    for name in list(os.environ):
        if name.startswith("HOLDALL_"):
            monkeypatch.delenv(name)


def refusal(source):
    with pytest.raises(SettingsError) as caught:
        read_settings(source)
    return str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({**MEMORY, "storrage": {}}, "unknown key 'storrage'; did you mean 'storage'?"),
        ({"storage": {"use": "memory", "optoins": {}}}, "unknown key 'storage.optoins'; did you mean 'options'?"),
        ({**MEMORY, "server": {"prot": 1}}, "unknown key 'server.prot'; did you mean 'port'?"),
        ({**MEMORY, "sessions": {"tll": 1}}, "unknown key 'sessions.tll'; did you mean 'ttl'?"),
        (
            {**MEMORY, "sessions": {"projects": {"site": {"max_lifetme": 1}}}},
            "unknown key 'sessions.projects.site.max_lifetme'; did you mean 'max_lifetime'?",
        ),
        (
            {**MEMORY, "server": {"tokens": [{"owner": "a", "env": "T"}, {"owner": "a", "evn": "T"}]}},
            "unknown key 'server.tokens.1.evn'; did you mean 'env'?",
        ),
        ({**MEMORY, "zzz": 1}, "unknown key 'zzz' (allowed: cache, compaction, compression"),
        ({**MEMORY, "_env_file": "x"}, "unknown key '_env_file'"),
        ({**MEMORY, "_cli_parse_args": True}, "unknown key '_cli_parse_args'"),
        ({**MEMORY, 5: 1}, "unknown key '5'"),
        ({**MEMORY, "server": {"line\nbreak": 1}}, "unknown key 'server.line\\nbreak'"),
        ({}, "'storage' is missing"),
        ({"storage": {}}, "'storage.use' is missing"),
        ({"storage": 5}, "storage: "),
        ({**MEMORY, "sessions": {"ttl": 0}}, "sessions.ttl: "),
        ({**MEMORY, "sessions": {"ttl": "soon"}}, "sessions.ttl: "),
        ({**MEMORY, "server": {"port": 70_000}}, "server.port: "),
        ({**MEMORY, "server": {"tokens": [{"owner": "a"}]}}, "exactly one of env, file and sha256"),
        ({"storage": {"use": "memory", "durability": "power!"}}, "storage.durability: "),
        (
            {**MEMORY, "sessions": {"projects": {"p": {"metadata": {"type": "objekt"}}}}},
            "sessions.projects.p.metadata: is not a JSON Schema: 'objekt' is not valid",
        ),
    ],
)
def test_a_fault_is_one_line_that_says_where(settings, words):
    said = refusal(settings)
    assert words in said
    assert said.startswith("the settings: ")
    assert "\n" not in said


def test_every_fault_is_told_a_line_each():
    said = refusal({"storage": {"use": 5, "x": 1}, "server": {"port": "x"}}).splitlines()
    assert len(said) == 3
    assert all(line.startswith("the settings: ") for line in said)


@pytest.mark.req("SEC-INP-07")
@pytest.mark.parametrize(
    "settings",
    [
        {"storage": {"use": ["hunter2"]}},
        {**MEMORY, "server": {"tokens": [{"owner": "a", "sha256": "hunter2"}]}},
        {**MEMORY, "server": {"tokens": [{"owner": "a", "env": 5, "file": "hunter2"}]}},
        {**MEMORY, "server": {"tokens": "hunter2"}},
        {**MEMORY, "sessions": {"ttl": "hunter2"}},
        {**MEMORY, "nonsense": "hunter2"},
    ],
)
def test_what_was_given_is_never_echoed(settings):
    assert "hunter2" not in refusal(settings)


async def test_the_options_of_a_storage_are_checked_by_its_schema():
    with pytest.raises(SettingsError) as caught:
        async with holdall.open({"storage": {"use": "memory", "options": {"path": "hunter2"}}}):
            pass
    assert str(caught.value) == "storage.options of 'memory': unknown key 'path'"


def test_the_environment_overrides_the_file(tmp_path, monkeypatch):
    path = tmp_path / "holdall.toml"
    path.write_text('[storage]\nuse = "file"\n[storage.options]\npath = "a"\nkeep = 1\n[sessions]\nttl = 60\n')
    monkeypatch.setenv("HOLDALL_STORAGE__DURABILITY", "power")
    monkeypatch.setenv("HOLDALL_STORAGE__OPTIONS__PATH", "b")
    monkeypatch.setenv("HOLDALL_SESSIONS__MAX_LIFETIME", "600")
    monkeypatch.setenv("HOLDALL_PLUGINS", '["watch"]')
    settings = read_settings(path)
    assert (settings.storage.use, settings.storage.durability) == ("file", "power")
    assert settings.storage.options == {"path": "b", "keep": 1}
    assert (settings.sessions.ttl, settings.sessions.max_lifetime, settings.plugins) == (60, 600, ["watch"])


@pytest.mark.parametrize(
    ("variables", "use", "options"),
    [
        ({"USE": "memory"}, "memory", {}),
        ({"USE": "file"}, "file", {"path": "a", "keep": 1}),
        ({"USE": "memory", "OPTIONS__SIZE": "b"}, "memory", {"size": "b"}),
        ({"OPTIONS": "{}"}, "file", {}),
        ({"OPTIONS": '{"path": "b"}'}, "file", {"path": "b"}),
        ({"OPTIONS": "{}", "OPTIONS__PATH": "b"}, "file", {"path": "b"}),
        ({"": '{"use": "memory"}'}, "memory", {}),
        ({"": '{"options": {}}'}, "file", {}),
    ],
)
def test_the_options_of_the_file_are_those_of_the_storage_it_names(tmp_path, monkeypatch, variables, use, options):
    path = tmp_path / "holdall.toml"
    path.write_text('[storage]\nuse = "file"\ndurability = "none"\n[storage.options]\npath = "a"\nkeep = 1\n')
    for name, value in variables.items():
        monkeypatch.setenv(f"HOLDALL_STORAGE__{name}".removesuffix("__"), value)
    storage = read_settings(path).storage
    assert (storage.use, storage.options, storage.durability) == (use, options, "none")


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("HOLDALL_SERVER__PROT", "1", "HOLDALL_SERVER__PROT: unknown key 'server.prot'; did you mean 'port'?"),
        ("HOLDALL_SERVER", '{"prot": 1}', "HOLDALL_SERVER: unknown key 'server.prot'"),
        ("HOLDALL_SERVER__PORT", "x", "HOLDALL_SERVER__PORT: server.port: "),
        ("HOLDALL_SERVER__TOKENS", '[{"evn": "x"}]', "HOLDALL_SERVER__TOKENS: unknown key 'server.tokens.0.evn'"),
        ("HOLDALL_SERVER", "{", "the environment: "),
        ("HOLDALL_SERVER", '{"port": 1}', "the settings: unknown key 'server.hots'"),
    ],
)
def test_what_a_variable_says_wrong_is_not_blamed_on_the_file(monkeypatch, name, value, line):
    monkeypatch.setenv(name, value)
    said = refusal({**MEMORY, "server": {"hots": 1}})
    assert line in [one[: len(line)] for one in said.splitlines()]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("HOLDALL_STORAGE__USEE", "x", "unknown key 'storage.usee'; did you mean 'use'?"),
        ("HOLDALL_SESSION__TTL", "5", "'HOLDALL_SESSION__TTL' names no section; did you mean 'SESSIONS'?"),
        ("HOLDALL_SESSIONS__TTL", "hunter2", "sessions.ttl: "),
        ("HOLDALL_SESSIONS", "hunter2", "sessions"),
    ],
)
def test_a_misspelt_or_wrong_variable_is_not_ignored(monkeypatch, name, value, words):
    monkeypatch.setenv(name, value)
    said = refusal(MEMORY)
    assert words in said
    assert "hunter2" not in said
    assert "\n" not in said


def test_other_variables_with_the_prefix_are_no_settings(monkeypatch):
    monkeypatch.setenv("HOLDALL_TOKEN", "hunter2")
    assert read_settings(MEMORY).storage.use == "memory"


def test_a_file_that_is_missing_or_not_toml_is_named(tmp_path):
    assert refusal(tmp_path / "gone.toml").endswith("gone.toml")
    for content in (b"[storage", b"\xff\xfe", b'password = "hunter2'):
        (tmp_path / "bad.toml").write_bytes(content)
        said = refusal(str(tmp_path / "bad.toml"))
        assert "bad.toml: " in said
        assert "hunter2" not in said
        assert "\n" not in said


def test_settings_are_passed_through():
    settings = Settings(**MEMORY)
    assert read_settings(settings) is settings


@pytest.mark.covers("ST-05")
@pytest.mark.parametrize("wanted", ["process", "power"])
async def test_a_durability_that_is_demanded_and_not_promised_is_refused_at_the_start(wanted):
    with pytest.raises(SettingsError, match=f"demands '{wanted}', but 'memory' as configured promises 'none'"):
        async with holdall.open({"storage": {"use": "memory", "durability": wanted}}):
            pass
    async with holdall.open({"storage": {"use": "memory", "durability": "none"}}):
        pass


# --- the metadata of a project's sessions --------------------------------------------------------------------------


def with_schema(schema):
    return {**MEMORY, "sessions": {"sweep_every": 0, "projects": {"site": {"metadata": schema}}}}


@pytest.mark.covers("ST-19")
async def test_metadata_meets_the_schema_of_its_project():
    schema = {
        "type": "object",
        "properties": {"stage": {"enum": ["dev", "live"]}, "a/b": {"items": {"type": "integer"}}},
        "required": ["stage"],
        "$defs": {"x": {"type": "integer"}},
    }
    async with holdall.open(with_schema(schema)) as store:
        session = await store.create(owner="ana", project="site", metadata={"stage": "dev", "a/b": [1]})
        for metadata, pointer in (
            ({}, "/metadata"),
            ({"stage": "hunter2"}, "/metadata/stage"),
            ({"stage": "dev", "a/b": [1, ""]}, "/metadata/a~1b/1"),
        ):
            for refused in (
                lambda metadata=metadata: store.create(owner="ana", project="site", metadata=metadata),
                lambda metadata=metadata: session.update(metadata=metadata),
            ):
                with pytest.raises(Invalid) as caught:
                    await refused()
                assert caught.value.pointer == pointer
                assert "hunter2" not in str(caught.value)
        other = await store.create(owner="ana", project="other", metadata={"free": True})
        with pytest.raises(Invalid):
            await other.update(project="site")
        await other.update(project="site", metadata={"stage": "live"})


@pytest.mark.covers("ST-19")
@pytest.mark.req("SEC-INP-06")
@pytest.mark.filterwarnings("default")
async def test_a_remote_reference_is_never_fetched():
    asked = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            remote = f"http://127.0.0.1:{server.server_port}/schema.json"
            for schema in ({"$ref": remote}, {"properties": {"x": {"$ref": remote}}}, {"$schema": remote}):
                try:
                    async with holdall.open(with_schema(schema)) as store:
                        await store.create(owner="ana", project="site", metadata={"x": 1})
                except SettingsError as error:
                    assert "only references inside the schema" in str(error)  # noqa: PT017 - one of the three is no fault
        finally:
            server.shutdown()
            thread.join()
    assert asked == []


@pytest.mark.req("SEC-INP-06")
@pytest.mark.parametrize(
    "schema", [{"$ref": "http://127.0.0.1:9/s"}, {"properties": {"a": {"anyOf": [{"$ref": "other.json"}]}}}]
)
def test_a_metadata_schema_that_leads_elsewhere_is_refused_before_anything_starts(schema):
    with pytest.raises(SettingsError, match="only references inside the schema"):
        read_settings({"storage": {"use": "memory"}, "sessions": {"projects": {"p": {"metadata": schema}}}})
