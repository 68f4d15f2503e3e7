"""A server's problem details (RFC 9457) as the errors that the same mistake raises here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from holdall.errors import Conflict, Ended, Forbidden, HoldallError, Invalid, NotFound, SettingsError, StorageError

__all__ = ["raised"]


def raised(status: int, content: bytes, path: str) -> HoldallError:  # noqa: PLR0911 - one for each kind
    """The error for a reply that is none of success; ``path`` is what was asked for."""
    problem = _problem(content)
    code, detail = str(problem.get("code", "")), str(problem.get("detail", f"status {status}"))
    session = path.split("/")[3] if path.count("/") > 2 else ""  # noqa: PLR2004 - /api/sessions/ID
    if status == 401:  # noqa: PLR2004 - as all of these: HTTP's own numbers
        return SettingsError(f"the server does not accept the token: {detail} (--token-env names its variable)")
    if status == 403:  # noqa: PLR2004
        return Forbidden(f"the server refuses: {detail}")
    if status == 404:  # noqa: PLR2004
        return NotFound("session", session) if session else SettingsError(f"there is no Holdall API: {path} {detail}")
    if code == "ended":
        return Ended(session)
    if status in (409, 412):
        return Conflict(f"session {session}", expected=0, found=0)
    if status in (400, 413, 415, 422):
        invalid = Invalid(detail, pointer=str(problem.get("pointer") or ""))
        if status == 422:  # noqa: PLR2004 - so not for the bytes of one request, which can be made fewer
            invalid.code = code or invalid.code
        return invalid
    return StorageError(f"the server failed with status {status}: {detail}")


def _problem(content: bytes) -> Mapping[str, Any]:
    try:
        problem = msgspec.json.decode(content)
    except ValueError:
        return {}
    return cast("Mapping[str, Any]", problem) if isinstance(problem, dict) else {}
