"""A password is in the environment, never in the configuration."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from holdall.errors import SettingsError
from holdall_postgres import PostgresSettings


def test_a_password_is_never_in_the_configuration() -> None:
    with pytest.raises(ValidationError) as refused:
        PostgresSettings(dsn="postgresql://ana:s3cret@localhost/x")
    assert "password_env" in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_password_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_VARIABLE", raising=False)
    with pytest.raises(SettingsError, match="NO_SUCH_VARIABLE"):
        PostgresSettings(dsn="postgresql://localhost/x", password_env="NO_SUCH_VARIABLE").connection()
