"""``[storage.options]`` of ``valkey``."""

from __future__ import annotations

import os
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator

from holdall.errors import SettingsError

__all__ = ["ValkeySettings"]


class ValkeySettings(BaseModel, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True):
    """How to reach the server or the cluster, what it must promise, and how long to wait for it."""

    url: str
    """``valkey://host:port/db`` or, with TLS, ``valkeys://…`` (``redis://`` and ``rediss://`` too), without a password."""
    password_env: str | None = None
    """The environment variable with the password."""
    cluster: bool = False
    """Whether the address is a node of a cluster."""
    durability: Literal["none", "process", "power"] = "power"
    """What the server's own settings must give: ``power`` is an append-only file that is synced always."""
    prefix: Annotated[str, Field(pattern="^[A-Za-z0-9_.-]{1,64}$")] = "holdall"
    """What every key begins with."""
    connections: Annotated[int, Field(ge=1, le=1000)] = 32
    """At most so many at once, per process and node."""
    deadline: Annotated[float, Field(gt=0, le=30)] = 5.0
    """Seconds after which a call that got no answer is given up; nothing is sent again."""

    @field_validator("url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("valkey", "valkeys", "redis", "rediss", "unix"):
            raise ValueError("must begin with valkey://, valkeys://, redis://, rediss:// or unix://")
        if parts.password:
            raise ValueError("has a password in it: name an environment variable in password_env instead")
        return url

    def password(self) -> str | None:
        """The password; raises ``SettingsError`` when it is not where it was said to be."""
        if self.password_env is None:
            return None
        secret = os.environ.get(self.password_env)
        if not secret:
            raise SettingsError(f"password_env: the environment variable {self.password_env} is not set or empty")
        return secret
