"""The cipher and the key sources keep what the core relies on.

Covers SE-10, PL-04.
"""

import secrets

import pytest

import holdall_aesgcm
from holdall.testing import CipherTests, KeySourceTests


class TestAesGcm(CipherTests):
    plugin = "aesgcm"


class Source(KeySourceTests):
    """They are offered under names of their own, and found in the module itself."""

    plugin_file = holdall_aesgcm.__file__


class TestFileKeys(Source):
    plugin = "file"

    @pytest.fixture
    def options(self, tmp_path):
        path = tmp_path / "keys"
        path.write_text(f"{secrets.token_hex(32)} {secrets.token_hex(32)}")
        path.chmod(0o600)
        return {"path": str(path)}


class TestCommandKeys(Source):
    plugin = "command"

    @pytest.fixture
    def options(self):
        return {"command": ["echo", secrets.token_hex(32)]}


class TestEnvironmentKeys(Source):
    plugin = "env"

    @pytest.fixture
    def options(self, monkeypatch):
        monkeypatch.setenv("KIT_KEYS", secrets.token_hex(32))
        return {"variable": "KIT_KEYS"}
