"""The key of the service, from where the configuration says that it is; no message shows anything of it."""

from __future__ import annotations

import os
import re
import stat
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from holdall.errors import SettingsError
from holdall_openai.settings import OpenAISettings

__all__ = ["read_key"]

_WHERE = "summaries.options.key"
_MOST = 4096
_KEY = re.compile(rf"[\x21-\x7e]{{1,{_MOST}}}")


def read_key(settings: OpenAISettings) -> str | None:
    """The key, or ``None`` where none is named; raises ``SettingsError`` where it cannot be used."""
    if settings.key is None:
        return None
    if settings.key.env is not None:
        where, text = f"{_WHERE}.env: the environment variable {settings.key.env}", os.environ.get(settings.key.env, "")
    else:
        path = (settings.key.file or Path()).expanduser()
        where, text = f"{_WHERE}.file: {path}", _content(path)
    if not text.strip():
        raise SettingsError(f"{where} is not set or empty")
    if not _KEY.fullmatch(text.strip()):
        raise SettingsError(f"{where} must be one word of at most {_MOST} plain characters")
    if not _private(settings.base_url):
        raise SettingsError(f"{_WHERE}: a key goes over https only, or to this machine; see base_url")
    return text.strip()


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(_MOST + 3).decode("ascii")  # more than a key and the end of its line is no key
    except (OSError, ValueError) as error:
        raise SettingsError(f"{_WHERE}.file: {path} cannot be read ({type(error).__name__})") from None
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(f"{_WHERE}.file: {path} may be read by others than its owner; chmod 600 it")
    return text


def _private(url: str) -> bool:
    """Whether nobody between here and ``url`` can read along."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
