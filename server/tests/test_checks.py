"""What a server refuses to start with, each in one clear line."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from holdall import SettingsError
from holdall.settings import read_settings
from holdall_server import create_app
from holdall_server.checks import check

DIGEST = "0" * 64
TOKEN = {"owner": "ana", "sha256": DIGEST}


def settings(server, storage=None, **sections):
    return read_settings({"storage": storage or {"use": "memory"}, "server": server, **sections})


@pytest.mark.covers("PL-07")
@pytest.mark.req("SEC-HTTP-09")
@pytest.mark.parametrize(
    ("server", "said"),
    [
        ({}, "nobody could use it"),
        ({"anonymous": "me", "host": "0.0.0.0"}, "loopback only"),
        ({"anonymous": "me", "host": "::"}, "loopback only"),
        ({"anonymous": "me", "host": "example.org"}, "loopback only"),
        ({"anonymous": "me", "workers": 2}, "cannot be shared"),
        ({"tokens": [TOKEN], "workers": 2}, "cannot be shared"),
        ({"tokens": [TOKEN, {**TOKEN, "owner": "bob"}]}, "same token"),
        ({"tokens": [{"owner": "ana", "env": "HOLDALL_NO_SUCH_TOKEN"}]}, "HOLDALL_NO_SUCH_TOKEN is not set"),
        ({"tokens": [{"owner": "ana", "file": "no/such/file"}]}, "cannot be read"),
        ({"tokens": [TOKEN], "tls_cert": "cert.pem"}, "belong together"),
        ({"tokens": [TOKEN], "tls_cert": "no.pem", "tls_key": "no.pem"}, "cannot be used"),
        ({"tokens": [TOKEN], "page": 5000}, "max_page"),
    ],
)
def test_what_would_not_be_safe_does_not_start(server, said):
    with pytest.raises(SettingsError, match=said) as caught:
        check(settings(server))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_without_tokens_loopback_will_do(host):
    check(settings({"anonymous": "me", "host": host}))


def test_tokens_by_reference(tmp_path: Path, monkeypatch):
    secret = "hld1_0123456789abcdef"
    monkeypatch.setenv("ANAS_TOKEN", secret)
    check(settings({"host": "0.0.0.0", "tokens": [{"owner": "ana", "env": "ANAS_TOKEN"}]}))
    file = tmp_path / "token"
    file.write_text(f"{secret}\n")
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600") as caught:
        check(settings({"tokens": [{"owner": "ana", "file": str(file)}]}))
    assert secret not in str(caught.value)
    file.chmod(0o600)
    check(settings({"tokens": [{"owner": "ana", "file": str(file)}]}))
    for weak in ("short", "has blanks in it, many", "ünicode-0123456789", "x" * 513, "x" * 512 + "=", "=" * 20):
        monkeypatch.setenv("ANAS_TOKEN", weak)
        with pytest.raises(SettingsError, match="ANAS_TOKEN must be 16 to 512 of: letters, digits and -") as caught:
            check(settings({"tokens": [{"owner": "ana", "env": "ANAS_TOKEN"}]}))
        assert weak not in str(caught.value)
    file.write_text("too-short")
    with pytest.raises(SettingsError, match=f"{file} must be 16 to 512 of") as caught:
        check(settings({"tokens": [{"owner": "ana", "file": str(file)}]}))
    assert "too-short" not in str(caught.value)


def test_nesting_that_the_store_would_refuse_is_not_let_in():
    assert settings({"max_json_depth": 200}).server.max_json_depth == 200
    with pytest.raises(SettingsError, match=r"server\.max_json_depth: .*<= 200"):
        settings({"max_json_depth": 201})


def test_the_command_says_in_one_line_why_it_does_not_start(tmp_path: Path):
    file = tmp_path / "holdall.toml"
    file.write_text('[storage]\nuse = "memory"\n')
    done = subprocess.run(
        [sys.executable, "-m", "holdall_server", str(file)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("server: nobody could use it")
    assert done.stderr.count("\n") == 1


def test_making_the_application_starts_nothing(monkeypatch):
    before = threading.active_count()
    monkeypatch.setattr(socket.socket, "bind", None)
    app = create_app(settings({"anonymous": "me"}, {"use": "memory"}))
    assert threading.active_count() == before
    assert app.config.AUTO_EXTEND is False
    assert app.config.INSPECTOR is False
