"""``[storage.options]`` of ``postgres``."""

from __future__ import annotations

import os
from typing import Annotated, Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import BaseModel, Field, field_validator

from holdall.errors import SettingsError

__all__ = ["PostgresSettings"]


class PostgresSettings(BaseModel, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True):
    """How to reach the server, and how long to wait for it."""

    dsn: str
    """A connection string or URI of libpq, without a password."""
    password_env: str | None = None
    """The environment variable with the password; libpq's own ways (PGPASSFILE, a service file) work too."""
    schema_name: Annotated[str, Field(pattern="^[a-z_][a-z0-9_]{0,62}$")] = "holdall"
    """The schema that the tables are in; made when missing."""
    connections: Annotated[int, Field(ge=1, le=1000)] = 10
    """At most so many at once, per process."""
    deadline: Annotated[float, Field(gt=0, le=300)] = 5.0
    """Seconds after which a call that got no answer is given up."""
    prepare: bool = False
    """Whether each connection keeps its statements prepared: faster, but not through a pooler that knows none."""

    @field_validator("dsn")
    @classmethod
    def _without_password(cls, dsn: str) -> str:
        try:
            found = conninfo_to_dict(dsn)
        except ProgrammingError:
            raise ValueError("is no connection string of libpq") from None
        if found.get("password"):
            raise ValueError("has a password in it: name an environment variable in password_env instead")
        return dsn

    def connection(self) -> dict[str, Any]:
        """What libpq is told; raises ``SettingsError`` when the password is not where it was said to be."""
        told: dict[str, Any] = {
            **conninfo_to_dict(self.dsn),
            "connect_timeout": max(2, int(self.deadline)),
            "tcp_user_timeout": int(self.deadline * 1000),
            "application_name": "holdall",
        }
        if self.password_env is not None:
            secret = os.environ.get(self.password_env)
            if not secret:
                raise SettingsError(f"password_env: the environment variable {self.password_env} is not set or empty")
            told["password"] = secret
        return told
