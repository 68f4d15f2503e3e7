"""Encryption from end to end, on each backend: through the API and the commands, searched for what must not be there.

Covers SE-10, XX-07.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import holdall
from holdall.cli import main
from holdall.errors import NotFound, SettingsError, StorageFull

WORDS = ("canary-message", "canary-title", "canary-meta", "canary-tag", "canary-tool", "canary-original", "canary-key",
         "canary-project", "canary-owner", "canary-reason", "canary-name")  # fmt: skip
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def backend_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    keys("old")
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], backend_folder: Path) -> Run:
    def command(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return command


def keys(*names: str) -> None:
    """The keys in the file, the first one current."""
    kept = {name: Path(f"{name}.key") for name in names}
    for path in kept.values():
        if not path.exists():
            path.write_text(base64.b64encode(secrets.token_bytes(32)).decode())
    Path("keys").touch(mode=0o600)
    Path("keys").write_text("\n".join(path.read_text() for path in kept.values()))


def configured(name: str, use: str, *, encrypted: bool = True, plaintext: str = "refuse") -> Path:
    path = Path(f"{name}.toml")
    text = f'[storage]\nuse = "{use}"\noptions = {{ path = "{name}" }}\n[sessions]\nsweep_every = 0\n'
    if encrypted:
        text += f'[encryption]\nuse = "aesgcm"\nplaintext = "{plaintext}"\n[encryption.keys]\nuse = "file"\noptions = {{ path = "keys" }}\n'
    path.write_text(text)
    return path


async def fill(toml: Path) -> str:
    """A session with everything in it, all of it secret."""
    async with holdall.open(toml) as store:
        session = await store.create(
            owner="canary-owner", project="canary-project", title="canary-title", tags=["canary-tag"],
            metadata={"canary-meta": "canary-meta"}, messages=[{"role": "user", "content": "canary-message"}] * 3,
        )  # fmt: skip
        await store.append(
            session.id, [{"role": "assistant", "content": "canary-message"}] * 60, key="canary-key",
            tools=[{"tool": "canary-tool", "status": "running"}], originals=["canary-original"],
        )  # fmt: skip
        await store.update(session.id, title="canary-title again", ttl=1000)
        await store.heartbeat(session.id)
        other = await store.get_or_create(owner="canary-owner", key="canary-name")
        await store.end(other.id, reason="canary-reason")
        gone = await store.create(owner="canary-owner", title="canary-title")
        await store.delete(gone.id)
        return session.id


def found(folder: str) -> list[str]:
    """The canaries in any byte of any file of a folder, as they are or in base64."""
    data = b"\n".join(path.read_bytes() for path in Path(folder).rglob("*") if path.is_file())
    forms = {
        word: [word.encode(), *(base64.b64encode(b"x" * n + word.encode())[4:-4] for n in range(3))] for word in WORDS
    }
    return [word for word, them in forms.items() if any(form in data for form in them)]


@pytest.fixture(params=["file", "diskcache", "tinydb"])
def use(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.req("SEC-CRY-06", "SEC-DEL-01")
@pytest.mark.covers("LC-10", "ST-14")
async def test_everything_works_and_nothing_can_be_read(use: str, backend_folder: Path) -> None:
    plain, toml = configured("plain", use, encrypted=False), configured("store", use)
    await fill(plain)
    assert set(found("plain")) >= {"canary-message", "canary-title"}  # so the search would find them
    session = await fill(toml)
    assert found("store") == []
    async with holdall.open(toml) as store:
        page = await store.history(session, limit=100)
        assert [message.text for message in page] == ["canary-message"] * 63
        listed = (await store.list(owner="canary-owner", project="canary-project")).items
        assert [(one.id, one.title) for one in listed] == [(session, "canary-title again")]
        assert (await store.tool_runs(session)).items[0].tool == "canary-tool"
        assert (await store.originals(session)).items == ["canary-original"]
        assert (await store.append(session, [{"role": "assistant", "content": "canary-message"}] * 60, key="canary-key",
            tools=[{"tool": "canary-tool", "status": "running"}], originals=["canary-original"])).replayed  # fmt: skip
        with pytest.raises(NotFound):
            await store.get("0" * 30)
    with pytest.raises(SettingsError, match="the storage is encrypted"):
        async with holdall.open(configured("store", use, encrypted=False)):
            pytest.fail("it opened")
    with pytest.raises(SettingsError, match="the storage holds plaintext, and encryption is on"):
        async with holdall.open(configured("plain", use)):
            pytest.fail("it opened")


@pytest.mark.req("SEC-CRY-05")
@pytest.mark.covers("ST-14", "LC-10")
def test_the_commands_work_on_what_is_encrypted(use: str, run: Run) -> None:
    import asyncio  # noqa: PLC0415

    toml = configured("store", use)
    session = asyncio.run(fill(toml))
    code, out, err = run("--config", toml, "verify")
    assert (code, err) == (0, ""), out
    assert "canary-message" in run("--config", toml, "export", session)[1]
    code, out, err = run("copy", toml, configured("plain", use, encrypted=False))
    assert (code, err) == (0, ""), out
    assert "canary-message" in found("plain")
    code, out, err = run("copy", "plain.toml", configured("again", use))
    assert (code, err) == (0, ""), out
    assert (found("again"), run("--config", "again.toml", "verify")[0]) == ([], 0)
    assert run("copy", toml, "again.toml")[1].startswith("copied 0 partitions")

    code, _, err = run("--config", toml, "backup", "data.jsonl")
    assert (code, err) == (
        2,
        "holdall: the store is encrypted: --keys must say where the archive of its data keys goes\n",
    )
    assert run("--config", toml, "backup", "data.jsonl", "--keys", "keys.jsonl")[0] == 0
    Path("archives").mkdir()
    for name in ("data.jsonl", "keys.jsonl"):
        Path("archives", name).write_bytes(Path(name).read_bytes())
    assert found("archives") == []
    assert "datakey/" not in Path("data.jsonl").read_text()
    code, _, err = run("--config", configured("back", use), "restore", "data.jsonl")
    assert (code, err.count("\n")) == (2, 1)
    code, out, err = run("--config", "back.toml", "restore", "data.jsonl", "--keys", "keys.jsonl")
    assert (code, err) == (0, ""), out
    assert run("--config", "back.toml", "verify")[0] == 0
    assert "canary-message" in run("--config", "back.toml", "export", session)[1]

    async def delete() -> None:
        async with holdall.open(toml) as store:
            await store.delete(session)

    asyncio.run(delete())
    assert run("--config", toml, "backup", "later.jsonl", "--keys", "later-keys.jsonl")[0] == 0
    configured("shredded", use)
    assert run("--config", "shredded.toml", "restore", "data.jsonl", "--keys", "later-keys.jsonl")[0] == 0
    code, out, _ = run("--config", "shredded.toml", "verify")
    assert code == 1
    assert f"session/{session} cannot be read: its data key is not there: it was destroyed, or lost" in out
    assert run("--config", "shredded.toml", "export", session)[0] != 0
    assert found("shredded") == []


@pytest.mark.covers("LC-10")
def test_a_plaintext_store_becomes_an_encrypted_one(use: str, run: Run) -> None:
    import asyncio  # noqa: PLC0415

    session = asyncio.run(fill(configured("store", use, encrypted=False)))
    before = run("--config", "store.toml", "list", "--json")[1]
    configured("store", use, plaintext="accept")
    assert run("--config", "store.toml", "list", "--json")[1] == before
    assert json.loads(run("--config", "store.toml", "reencode", "--json")[1])["encrypted"] >= 3
    assert json.loads(run("--config", "store.toml", "reencode", "--json")[1])["encrypted"] == 0
    configured("store", use)
    assert run("--config", "store.toml", "list", "--json")[1] == before
    assert run("--config", "store.toml", "verify")[0] == 0
    assert "canary-message" in run("--config", "store.toml", "export", session)[1]


def test_looking_at_the_keys_of_an_empty_store_leaves_it_empty(use: str, run: Run) -> None:
    toml = configured("store", use)
    for words in (["keys"], ["keys", "rotate"]):
        code, out, err = run("--config", toml, *words)
        assert (code, err) == (0, "")
        assert out.endswith(": 0 data keys\nno other key is needed\n")
    assert run("--config", configured("store", use, encrypted=False), "list")[::2] == (0, "")  # it may still be plain


@pytest.mark.req("SEC-CRY-03")
def test_keys_are_changed_by_command(use: str, run: Run) -> None:
    import asyncio  # noqa: PLC0415

    toml = configured("store", use)
    session = asyncio.run(fill(toml))
    made = run("keys", "new")
    assert (made[0], len(base64.b64decode(made[1]))) == (0, 32)
    assert run("keys", "new") != made
    assert run("--config", toml, "keys")[1].endswith("no other key is needed\n")
    keys("new", "old")
    code, out, _ = run("--config", toml, "keys")
    assert (code, "keep it" in out) == (0, True)
    code, out, err = run("--config", toml, "keys", "rotate")
    assert (code, err) == (0, "")
    assert out.startswith("3 data keys wrapped anew\n")
    assert out.endswith("no other key is needed\n")
    keys("new")
    assert run("--config", toml, "verify")[0] == 0
    assert "canary-message" in run("--config", toml, "export", session)[1]
    keys("old")
    code, _, err = run("--config", toml, "list")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("holdall: encryption.keys: the storage cannot be opened with these keys")
    keys("old", "new")
    assert run("--config", toml, "keys", "rotate", "--json")[0] == 0


DYING = """
import os, signal
from holdall.hooks import KeySourceOffer, hookimpl
from holdall_aesgcm.sources import FileKeys, FileSettings

class Dying(FileKeys):
    left = {left}

    async def wrap(self, key):
        Dying.left -= 1
        if not Dying.left:
            os.kill(os.getpid(), signal.SIGKILL)
        return await super().wrap(key)

@hookimpl
def holdall_key_sources():
    return [KeySourceOffer("dying", "keys of a process that is killed", FileSettings, Dying)]
"""


@pytest.mark.req("SEC-CRY-03")
def test_a_rotation_that_is_killed_is_run_again(run: Run) -> None:
    """``kill -9`` in its first page and in its second; both keys read everything then, whichever comes first."""
    import asyncio  # noqa: PLC0415

    toml = configured("store", "file")

    async def fill_many() -> None:
        async with holdall.open(toml) as store:
            await asyncio.gather(*(store.create(owner="ana", title="canary-title") for _ in range(300)))

    asyncio.run(fill_many())
    keys("new", "old")
    plain = toml.read_text()
    left = []
    for wraps in (100, 257):
        dying = f"dying_{wraps}.py"  # a second file of one name and size, within a second, would be taken for the first
        Path(dying).write_text(DYING.format(left=wraps + 1))
        toml.write_text(
            f'plugins = ["{dying}"]\n'
            + plain.replace('[encryption.keys]\nuse = "file"', '[encryption.keys]\nuse = "dying"')
        )
        command = [sys.executable, "-m", "holdall.cli", "--config", str(toml), "keys", "rotate"]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr
        toml.write_text(plain)
        needed = json.loads(run("--config", toml, "keys", "--json")[1])
        left.append(needed["wrapped"].get(needed["current"], 0))
    assert left == [0, 256]
    keys("old", "new")
    assert run("--config", toml, "verify")[0] == 0
    keys("new", "old")
    code, out, err = run("--config", toml, "keys", "rotate")
    assert (code, err) == (0, "")
    assert out.startswith(f"{301 - 256} data keys wrapped anew\n")
    assert out.endswith("no other key is needed\n")
    keys("new")
    assert run("--config", toml, "verify")[0] == 0


@pytest.fixture
def small_disk(backend_folder: Path) -> Iterator[Path]:
    """A disk of 8 MiB as the folder of the store."""
    if os.geteuid() != 0:
        pytest.skip("MISSING: only root can mount a small disk")
    folder = backend_folder / "store"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.covers("ST-14")
async def test_on_a_full_disk_sessions_can_be_shredded(use: str, small_disk: Path) -> None:
    """Destroying a key takes a step that writes first: that is what the reserve is for, too."""
    async with holdall.open(configured("store", use)) as store:
        ids = [(await store.create(owner="ana")).id for _ in range(4)]
        for session in ids:
            await store.append(session, [{"role": "user", "content": secrets.token_hex(20_000)}])
        with (small_disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(bytes(4096))
        full = False
        while not full:
            try:
                await store.append(ids[0], [{"role": "user", "content": secrets.token_hex(2_000)}])
            except StorageFull:
                full = True
        for session in ids:
            await store.delete(session)
            with pytest.raises(NotFound):
                await store.get(session)
