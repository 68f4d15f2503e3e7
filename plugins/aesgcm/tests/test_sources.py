"""Keys come from the environment, a file or a command, and never show: not in a repr, an error, a log or a report.

Covers SE-10.
"""

import base64
import logging
import os
import secrets
import subprocess
import sys
import traceback

import pytest

import holdall
from holdall.errors import CodecError, SettingsError
from holdall_aesgcm import CommandKeys, EnvironmentKeys, FileKeys
from holdall_aesgcm.ring import Ring
from holdall_aesgcm.sources import CommandSettings, EnvironmentSettings, FileSettings


def key():
    return base64.b64encode(secrets.token_bytes(32)).decode()


def written(path, text, mode=0o600):
    path.write_text(text)
    path.chmod(mode)
    return path


def config(tmp_path, source, **options):
    return {
        "storage": {"use": "file", "options": {"path": str(tmp_path / "data")}},
        "encryption": {"use": "aesgcm", "keys": {"use": source, "options": options}},
        "sessions": {"sweep_every": 0},
    }


async def test_each_source_opens_what_another_wrapped(tmp_path, monkeypatch):
    text = f"# the first is the current one\n{key()}\n\n  {secrets.token_hex(32)}  # in hexadecimal\n"
    file = written(tmp_path / "keys", text)
    monkeypatch.setenv("HOLDALL_KEYS", text)
    sources = [
        EnvironmentKeys(EnvironmentSettings()),
        FileKeys(FileSettings(file)),
        await CommandKeys.open(CommandSettings(["cat", str(file)])),
    ]
    for one in sources:
        key_id, wrapped = await one.wrap(b"k" * 32)
        for other in sources:
            assert await other.unwrap(key_id, wrapped) == b"k" * 32
        with pytest.raises(CodecError, match="it is not what the key"):
            await one.unwrap(key_id, wrapped[:-1] + bytes([wrapped[-1] ^ 1]))
        with pytest.raises(CodecError, match="wrapped by the key ffff, which is not there"):
            await one.unwrap("ffff", wrapped)


async def test_a_key_that_was_added_meanwhile_is_found(tmp_path):
    """A running server learns of a new key when it meets what that wrapped: nobody has to restart it in that moment."""
    file = written(tmp_path / "keys", key())
    command = await CommandKeys.open(CommandSettings(["cat", str(file)]))
    source = FileKeys(FileSettings(file))
    written(file, f"{key()} {file.read_text()}")
    key_id, wrapped = await FileKeys(FileSettings(file)).wrap(b"k" * 32)
    assert await source.unwrap(key_id, wrapped) == b"k" * 32
    assert await command.unwrap(key_id, wrapped) == b"k" * 32
    assert (await source.wrap(b"k" * 32))[0] == key_id


@pytest.mark.req("SEC-CRY-06")
@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        ("env", {"variable": "NO_SUCH"}, "the environment variable NO_SUCH is not set"),
        ("env", {"variable": "EMPTY"}, "there is no key in the environment variable EMPTY"),
        ("env", {"variable": "SHORT"}, "key 2 in the environment variable SHORT is not 32 bytes"),
        ("file", {"path": "{tmp}/none"}, "No such file"),
        ("file", {"path": "{tmp}/open"}, "others may use .*open; chmod 600 it"),
        ("file", {"path": "{tmp}/binary"}, "is not plain text"),
        ("file", {}, "path"),
        ("command", {"command": ["false"]}, "'false' failed with status 1"),
        ("command", {"command": ["{tmp}/none"]}, "No such file"),
        ("command", {"command": ["sleep", "9"], "timeout": 0.05}, "took more than 0.05 s"),
        ("command", {"command": ["sh", "-c", "sleep 3 & sleep 3"], "timeout": 0.05}, "took more than 0.05 s"),
        ("command", {"command": ["yes"]}, "what 'yes' printed is more than 64 KiB: these are no keys"),
        ("file", {"path": "/dev/zero"}, "/dev/zero"),
        ("command", {"command": ["echo", "nonsense"]}, "key 1 in what 'echo' printed is not 32 bytes"),
        ("command", {"command": []}, "command"),
    ],
)
async def test_without_its_keys_it_does_not_start_and_says_why_in_one_line(
    tmp_path, monkeypatch, source, options, words
):
    """Tried without the check of the file's mode."""
    monkeypatch.setenv("EMPTY", "# none")
    monkeypatch.setenv("SHORT", f"{key()} {key()[:20]}")
    written(tmp_path / "open", key(), 0o640)
    (tmp_path / "binary").write_bytes(b"\xff" * 32)
    (tmp_path / "binary").chmod(0o600)
    options = {
        name: [word.format(tmp=tmp_path) for word in value] if isinstance(value, list)
        else value.format(tmp=tmp_path) if isinstance(value, str) else value
        for name, value in options.items()
    }  # fmt: skip
    with pytest.raises(SettingsError, match=words) as caught:
        async with holdall.open(config(tmp_path, source, **options)):
            pytest.fail("it opened")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(("encryption.keys", "encryption.keys.options"))


def test_a_ring_takes_keys_only():
    for text in ("", "#", "x" * 64, "AAAA", base64.b64encode(bytes(31)).decode(), "=" * 44):
        with pytest.raises(SettingsError):
            Ring(text, "the test")


@pytest.mark.req("SEC-CRY-06")
async def test_no_key_is_ever_told(tmp_path, monkeypatch, caplog):
    """Everything that is printed, raised, logged or stored, searched for the keys in every form they could take.

    Tried with the ring's text in the error of a bad key, and with a ``repr`` that shows the keys.
    """
    caplog.set_level(logging.DEBUG)
    current, old, bad = secrets.token_bytes(32), secrets.token_bytes(32), secrets.token_bytes(33)
    text = f"{base64.b64encode(current).decode()}\n{old.hex()}\n"
    file = written(tmp_path / "keys", text)
    monkeypatch.setenv("HOLDALL_KEYS", text)
    told, data_keys = [], []
    from holdall.sealing import vault  # noqa: PLC0415

    monkeypatch.setattr(vault.secrets, "token_bytes", lambda size: data_keys.append(os.urandom(size)) or data_keys[-1])
    for source, options in (("env", {}), ("file", {"path": str(file)}), ("command", {"command": ["cat", str(file)]})):
        settings = config(tmp_path, source, **options)
        async with holdall.open(settings) as store:
            session = await store.create(owner="ana", messages=[{"role": "user", "content": "hello"}])
            sealed = store.engine.storage
            told += [repr(each) for each in (store, session, sealed, sealed.vault, sealed.vault.source, store.engine)]
            told += [repr(each) for each in vars(sealed.vault).values() if not isinstance(each, tuple)]
            found = await sealed.vault.find(
                f"session/{session.id}", (await sealed.vault.new(f"session/{session.id}"))[0].id
            )
            told += [repr(found), repr(found._cipher), str(found)]
    toml = tmp_path / "holdall.toml"
    toml.write_text(
        f'[storage]\nuse = "file"\noptions = {{ path = "{tmp_path}/data" }}\n[encryption]\nuse = "aesgcm"\n'
        f'[encryption.keys]\nuse = "file"\noptions = {{ path = "{file}" }}\n'
    )
    commands = [
        "check",
        "check --json",
        "check --open",
        "plugins aesgcm",
        "keys",
        "keys rotate --json",
        "verify",
        "list",
    ]
    told += [holdall_says(toml, *words.split(), "--debug") for words in commands]
    written(file, base64.b64encode(bad).decode())
    told.append(holdall_says(toml, "keys", "--debug"))
    written(file, base64.b64encode(secrets.token_bytes(32)).decode())
    told.append(holdall_says(toml, "list", "--debug"))
    assert "cannot be opened with these keys" in told[-1]
    try:
        Ring(base64.b64encode(bad).decode(), "the test")
    except SettingsError as error:
        told.append("".join(traceback.format_exception(error)))
    stored = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    told += [caplog.text, stored.decode("latin-1")]
    assert len(data_keys) >= 4
    for secret in (current, old, bad, *data_keys):
        forms = (secret.hex(), base64.b64encode(secret).decode()[:40], base64.urlsafe_b64encode(secret).decode()[:40],
                 repr(secret)[2:-1], secret.decode("latin-1"), str(list(secret))[1:60])  # fmt: skip
        for form in forms:
            assert not any(form in each for each in told)


def holdall_says(toml, *words):
    command = [sys.executable, "-m", "holdall.cli", "--config", str(toml), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


@pytest.mark.req("SEC-CRY-06")
async def test_what_a_third_partys_source_says_is_not_repeated(tmp_path):
    """A key service of somebody's own, as a single-file plugin; when it fails, only the kind of its error is told.

    Tried with the error's own words.
    """
    plugin = tmp_path / "vendor.py"
    plugin.write_text(
        "from holdall.hooks import KeySourceOffer, NoSettings, hookimpl\n"
        "class Service:\n"
        "    fails = False\n"
        "    async def wrap(self, key):\n"
        "        return 'vendor-1', bytes(b ^ 90 for b in key)\n"
        "    async def unwrap(self, key_id, wrapped):\n"
        "        if Service.fails:\n"
        "            raise RuntimeError(f'the secret is {bytes(b ^ 90 for b in wrapped)!r}')\n"
        "        return bytes(b ^ 90 for b in wrapped)\n"
        "@hookimpl\n"
        "def holdall_key_sources():\n"
        "    return [KeySourceOffer('vendor', 'a key service', NoSettings, lambda _: Service())]\n"
    )
    settings = config(tmp_path, "vendor") | {"plugins": [str(plugin)]}
    async with holdall.open(settings) as store:
        session = (await store.create(owner="ana", title="kept")).id
    async with holdall.open(settings) as store:
        assert (await store.get(session)).title == "kept"
        sys.modules["holdall_plugin_vendor"].Service.fails = True
        store.engine.storage.vault._keys.drop(f"session/{session}")
        store.engine.storage._known.clear()
        with pytest.raises(holdall.StorageUnavailable, match=r"^the key source failed: RuntimeError$"):
            await store.history(session)
