"""Everything Holdall raises on purpose.

HoldallError
├── Invalid                 the input is wrong: names the field
│   └── TooLarge            … because it passes a limit
├── NotFound                no such session or message, or not yours to see
├── Forbidden               seen, but not allowed
├── Refused                 a plugin vetoed it
├── Ended                   the session is over; nothing more can be written
├── Conflict                the version is not the expected one; nothing changed
├── KeyReused               an idempotency key came back with other content
├── SummaryError            there is no summary: a service failed, or said nothing
├── SettingsError           the configuration is wrong: names the key
├── PluginError             a plugin is missing, broken or claimed twice: names it
└── StorageError            the storage failed; the outcome is unknown but whole
    ├── StorageBusy         another process has it open, and it is not shared
    ├── StorageFull         there is no room; reads and deletes still work
    ├── StorageUnavailable  it cannot be reached, or has been closed
    └── Damaged             what was read is not what was written
        └── CodecError      a record needs a codec or key that is not there
"""

from __future__ import annotations

__all__ = [
    "CodecError",
    "Conflict",
    "Damaged",
    "Ended",
    "Forbidden",
    "HoldallError",
    "Invalid",
    "KeyReused",
    "NotFound",
    "PluginError",
    "Refused",
    "SettingsError",
    "StorageBusy",
    "StorageError",
    "StorageFull",
    "StorageUnavailable",
    "SummaryError",
    "TooLarge",
]


class HoldallError(Exception):
    """The base of all of them. ``code`` is the stable word for this kind in the HTTP API and in ``--json``."""

    code = "error"


class Invalid(HoldallError):
    """The input breaks a rule: ``reason``. ``pointer`` is a JSON Pointer (RFC 6901) to the fault."""

    code = "invalid"

    def __init__(self, message: str, *, pointer: str = "") -> None:
        self.pointer = pointer
        self.reason = message
        super().__init__(f"{pointer}: {message}" if pointer else message)


class TooLarge(Invalid):
    """The input passes a limit. ``limit`` and ``actual`` are in the limit's own unit."""

    code = "too-large"

    def __init__(self, what: str, *, limit: int, actual: int, pointer: str = "") -> None:
        self.limit = limit
        self.actual = actual
        super().__init__(f"{what} is {actual:,}, over the limit of {limit:,}", pointer=pointer)


class NotFound(HoldallError):
    """There is no such thing, or the caller may not know that there is."""

    code = "not-found"

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name
        super().__init__(f"no such {kind}: {name}")


class Forbidden(HoldallError):
    """The principal may see the object but not do this to it."""

    code = "forbidden"


class Refused(HoldallError):
    """A plugin vetoed the operation; nothing was stored."""

    code = "refused"


class Ended(HoldallError):
    """The session has ended, so nothing more can be written to it."""

    code = "ended"

    def __init__(self, session: str) -> None:
        self.session = session
        super().__init__(f"session {session} has ended")


class Conflict(HoldallError):
    """The stored version is not the expected one. Nothing changed."""

    code = "conflict"

    def __init__(self, name: str, *, expected: int, found: int) -> None:
        self.name = name
        self.expected = expected
        self.found = found
        super().__init__(f"{name} is at version {found}, not {expected}")


class KeyReused(HoldallError):
    """An idempotency key was used before, with other content."""

    code = "key-reused"

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"the idempotency key {key!r} was used before with other content")


class SummaryError(HoldallError):
    """A summariser could not make a summary. Nothing was stored."""

    code = "summary"


class SettingsError(HoldallError):
    """The configuration is wrong; the message says where and what is allowed."""

    code = "settings"


class PluginError(HoldallError):
    """A plugin is missing, broken, or claimed by two distributions."""

    code = "plugin"


class StorageError(HoldallError):
    """The storage failed. The outcome of the commit is unknown, but whole: all of it or none."""

    code = "storage"


class StorageBusy(StorageError):
    """Another process has the storage open, and the storage is not shared."""

    code = "storage-busy"


class StorageFull(StorageError):
    """There is no room for the write. Reads and deletes still work."""

    code = "storage-full"


class StorageUnavailable(StorageError):
    """The storage cannot be reached, or has been closed."""

    code = "storage-unavailable"


class Damaged(StorageError):
    """What was read is not what was written. ``name`` says which record or file."""

    code = "damaged"
    said = "is damaged"
    """What is said of ``name``."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"{name} {self.said}: {reason}")


class CodecError(Damaged):
    """A record names a compressor, cipher or key that is not there, or fails its check: nobody says that it is damaged."""

    code = "codec"
    said = "cannot be read"
