"""Who is calling: bearer tokens from the configuration, each standing for an owner. Their digests are all we keep."""

from __future__ import annotations

import hmac
import os
import re
import stat
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path

from holdall import Principal, SettingsError
from holdall.settings import ServerSettings, TokenSettings
from holdall_server.problems import Problem

__all__ = ["Access", "is_loopback"]

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*) *", re.IGNORECASE)
_TOKEN = re.compile(r"(?=.{16,512}\Z)[A-Za-z0-9._~+/-]+=*")
_CHALLENGE = 'Bearer realm="holdall"'


class Access:
    """Tells the principal behind a request."""

    def __init__(self, settings: ServerSettings) -> None:
        """Read the tokens that ``settings`` refers to; raises ``SettingsError`` for one that cannot be used."""
        self._known: list[tuple[bytes, Principal]] = []
        for index, token in enumerate(settings.tokens):
            digest, where = _digest_of(token, f"server.tokens.{index}"), f"server.tokens.{index}"
            if any(hmac.compare_digest(digest, known) for known, _ in self._known):
                raise SettingsError(f"{where} is the same token as one before it")
            self._known.append((digest, Principal(token.owner, admin=token.admin)))
        self._anonymous = None if settings.anonymous is None else Principal(settings.anonymous)

    @property
    def principals(self) -> list[Principal]:
        """Everybody who may call."""
        known = [principal for _, principal in self._known]
        return known if self._anonymous is None else [*known, self._anonymous]

    def principal(self, headers: Mapping[str, str]) -> Principal:
        """Who sent ``headers``; raises ``Problem`` 401 unless they are somebody."""
        header = headers.get("authorization")
        if header is None:
            if self._anonymous is None:
                raise _unauthorized("send a bearer token", _CHALLENGE)
            if not _names_loopback(headers.get("host", "")):
                # A page of another site must not reach this server by pointing its own name at 127.0.0.1.
                raise Problem(421, "misdirected", "without a token this server is only reached by a loopback name")
            return self._anonymous
        match = _BEARER.fullmatch(header)
        digest = sha256(b"" if match is None else match[1].encode()).digest()
        found = None
        for known, principal in self._known:
            if hmac.compare_digest(digest, known):
                found = principal
        if match is None or found is None:
            raise _unauthorized("the token is not valid", f'{_CHALLENGE}, error="invalid_token"')
        return found


def is_loopback(host: str) -> bool:
    """Whether ``host`` can only be this machine."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _unauthorized(detail: str, challenge: str) -> Problem:
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": challenge})


@lru_cache(64)
def _names_loopback(header: str) -> bool:
    """``is_loopback`` of what a Host header names: nearly always the same as before."""
    return is_loopback(_name_of(header))


def _name_of(host: str) -> str:
    """The name in a Host header, without the port."""
    host = host.strip()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host


def _digest_of(token: TokenSettings, where: str) -> bytes:
    if token.sha256 is not None:
        return bytes.fromhex(token.sha256)
    if token.env is not None:
        secret, source = os.environ.get(token.env), f"{where}.env: the environment variable {token.env}"
    else:
        path = Path(token.file or "")
        secret, source = _file_content(path, f"{where}.file"), f"{where}.file: {path}"
    if not secret:
        raise SettingsError(f"{source} is not set or empty")
    if not _TOKEN.fullmatch(secret):
        raise SettingsError(
            f"{source} must be 16 to 512 of: letters, digits and - . _ ~ + / = (the last at the end only)"
        )
    return sha256(secret.encode()).digest()


def _file_content(path: Path, where: str) -> str:
    try:
        mode = path.stat().st_mode
        content = path.read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise SettingsError(f"{where}: {path} cannot be read ({type(error).__name__})") from None
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(f"{where}: {path} may be read by others than its owner; chmod 600 it")
    return content
