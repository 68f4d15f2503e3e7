"""The one configuration file: TOML, overridden by the environment, every unknown key refused.

``HOLDALL_STORAGE__USE=memory`` overrides ``[storage] use``; what is nested is joined by two underscores. The file's
``[storage.options]`` are those of the storage that the file names: they do not apply to another.
"""

# Annotations are objects here, not text: each text would be compiled whenever a process starts.

from collections.abc import Mapping
from functools import partial
from os import PathLike
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, ValidationError
from msgspec.structs import force_setattr

from holdall.checking import Path, checked
from holdall.checking.structs import converted
from holdall.environment import blamed, merged, overridden, overrides, unknown_variables
from holdall.errors import SettingsError
from holdall.sessions.policy import SessionPolicy

__all__ = [
    "CacheSettings",
    "CodecSettings",
    "CompactionSettings",
    "CompressionSettings",
    "EncryptionSettings",
    "KeysSettings",
    "SearchSettings",
    "ServerSettings",
    "Settings",
    "StorageRef",
    "SummariesSettings",
    "TokenSettings",
    "TokenizerSettings",
    "read_settings",
]

Owner = Annotated[str, Meta(min_length=1, max_length=200)]
Positive = Annotated[int, Meta(gt=0)]
Seconds = Annotated[float, Meta(gt=0)]


class StorageRef(Struct, frozen=True, forbid_unknown_fields=True):
    """Names a storage and its options; an option of this type nests one storage in another."""

    use: str
    """The storage plugin's name."""
    options: dict[str, Any] = {}
    """The plugin's own options; ``holdall plugins NAME`` shows their schema."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
        """The same two keys, for an option of this type in a pydantic model."""
        from holdall.checking.nested import reference_schema  # noqa: PLC0415 - needs pydantic

        return reference_schema(cls)


class StorageSettings(StorageRef, frozen=True):
    """Where sessions are kept."""

    durability: Literal["none", "process", "power"] | None = None
    """Refuse to start unless the storage promises at least this."""


class CodecSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A compressor or cipher, and its options; without ``use`` there is none."""

    use: str | None = None
    """The plugin's name."""
    options: dict[str, Any] = {}
    """The plugin's own options."""
    reads: list[str] = []
    """Others that were used before, with their default options: what they wrote is still read."""


class CompressionSettings(CodecSettings, frozen=True, forbid_unknown_fields=True):
    """How records are made smaller."""

    dictionaries: bool | None = None
    """Whether to compress with dictionaries that ``holdall train`` made; by default where nothing is encrypted, for
    lengths of ciphertexts could tell what is in a dictionary."""
    skip: list[str] = []
    """Lanes that are stored as they are, such as ``tools``."""


class KeysSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the keys come from that wrap data keys; by reference, never the keys themselves."""

    use: str | None = None
    """The key source's name: ``env``, ``file`` or ``command`` come with ``holdall-aesgcm``."""
    options: dict[str, Any] = {}
    """The key source's own options."""


class EncryptionSettings(CodecSettings, frozen=True, forbid_unknown_fields=True):
    """The cipher of everything that is stored; without ``use`` nothing is encrypted anew."""

    keys: KeysSettings = KeysSettings()
    """Where the keys come from; needed with ``use``."""
    plaintext: Literal["refuse", "accept"] = "refuse"
    """What to do with sessions that are not encrypted: ``accept`` them while a store is being encrypted."""


class CacheSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The cache of sessions and of the records that are read most."""

    policy: str | None = None
    """A cache policy plugin; least recently used when absent."""
    options: dict[str, Any] = {}
    """The policy's own options."""
    max_bytes: Annotated[int, Meta(ge=0)] = 64 << 20
    """The memory that each process gives to it."""


class TokenizerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How tokens are counted."""

    use: str = "estimate"
    """A tokenizer plugin."""
    options: dict[str, Any] = {}
    """The tokenizer's own options."""


class SummariesSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How conversations are summarised."""

    use: str = "textrank"
    """A summariser plugin."""
    options: dict[str, Any] = {}
    """The summariser's own options."""
    most: Positive = 400
    """The tokens of a summary, where nobody says how many it may have."""


class CompactionSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How a conversation is made to fit a model's window."""

    use: tuple[str, ...] = ("elision", "window")
    """Compactor plugins, each of which comes in where those before it did not save enough."""
    options: dict[str, dict[str, Any]] = {}
    """By compactor, its own options."""
    budget: Positive = 100_000
    """The tokens to fit into, where nobody says how many."""
    above: Positive | None = None
    """Who asks for a compaction, and says no budget, gets one when a model sees more tokens than these; absent: always."""


class SearchSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The index that messages are searched in; without one, searching reads them."""

    use: str | None = None
    """The search index's name: ``fts`` comes with ``holdall-fts``."""
    options: dict[str, Any] = {}
    """The index's own options."""
    plaintext: Literal["refuse", "accept"] = "refuse"
    """What to do where sessions are encrypted: an index holds their words, and is not. ``accept`` keeps one anyway."""
    wait: Annotated[float, Meta(ge=0)] = 10
    """Seconds that a search waits for an index that is being built; what it has by then is told to be incomplete."""
    every: Annotated[float, Meta(ge=0)] = 5
    """Seconds between looks at what is new, so that searches need not wait; 0 leaves it to them."""


class TokenSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A bearer token, by reference: exactly one of ``env``, ``file`` and ``sha256`` says what it is."""

    owner: Owner
    """Whose sessions it sees and writes."""
    admin: bool = False
    """Whether it may do so for every owner, purge, and read what was redacted, and the measures."""
    env: str | None = None
    """The environment variable that holds the token."""
    file: Path | None = None
    """The file that holds the token; only its owner may read it."""
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] | None = None
    """The SHA-256 of the token, in hexadecimal."""

    def __post_init__(self) -> None:
        if sum(given is not None for given in (self.env, self.file, self.sha256)) != 1:
            raise ValueError("give exactly one of env, file and sha256")


class ServerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How the HTTP API is served."""

    host: str = "127.0.0.1"
    """The address to listen on."""
    port: Annotated[int, Meta(ge=0, le=65535)] = 8700
    """0 takes one that is free."""
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    """Processes that serve; more than one needs a storage that many processes may share."""
    tokens: list[TokenSettings] = []
    """Who may come in."""
    anonymous: Owner | None = None
    """The owner that requests without a token act as; allowed on loopback only."""
    max_body_bytes: Positive = 1 << 20
    """Of a request; 413 beyond."""
    max_json_depth: Annotated[int, Meta(gt=0, le=200)] = 64
    """Objects and arrays inside each other in a body; 400 beyond."""
    max_json_keys: Positive = 10_000
    """Names in all objects of a body together; 400 beyond."""
    page: Positive = 50
    """Items on a page when the client does not say."""
    require_if_match: bool = False
    """Refuse changes without ``If-Match`` (status 428)."""
    access_log: bool = False
    """Whether each answer is logged, a line of JSON on stderr, without what stands behind the ``?``."""
    grace: Seconds = 15
    """Seconds that requests in flight get at shutdown."""
    max_connections: Positive = 2000
    """Connections that each worker may have open, streams of events among them; 503 beyond."""
    head_seconds: Seconds = 10
    """From the first byte of a request's head to its last; 408 then."""
    body_seconds: Seconds = 30
    """In which a body must begin to come, and the longest pause in it; 408 then."""
    body_rate: Positive = 1000
    """Bytes of a body that give it one second more: a slower one is too late."""
    max_streams: Positive = 1000
    """Streams of events that each worker may have open."""
    max_owner_streams: Positive = 100
    """Those of one owner among them."""
    tls_cert: Path | None = None
    """The file of a certificate, and its chain, to serve HTTPS with; together with ``tls_key``."""
    tls_key: Path | None = None
    """The file of its private key."""


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """A Holdall deployment. Its sections may be given as mappings, which are checked."""

    storage: StorageSettings
    server: ServerSettings = ServerSettings()
    sessions: SessionPolicy = SessionPolicy()
    compression: CompressionSettings = CompressionSettings()
    encryption: EncryptionSettings = EncryptionSettings()
    cache: CacheSettings = CacheSettings()
    compaction: CompactionSettings = CompactionSettings()
    summaries: SummariesSettings = SummariesSettings()
    tokenizer: TokenizerSettings = TokenizerSettings()
    search: SearchSettings = SearchSettings()
    plugins: list[str] = []
    """Further plugins to load: those that watch sessions or take part in their creation, and single files (``.py``)."""

    def __post_init__(self) -> None:
        for name, kind in _SECTIONS.items():
            given = getattr(self, name)
            if not isinstance(given, kind):
                force_setattr(self, name, checked(kind, given, "the settings", at=[name]))


_SECTIONS: Mapping[str, type[Struct]] = {
    "storage": StorageSettings,
    "server": ServerSettings,
    "sessions": SessionPolicy,
    "compression": CompressionSettings,
    "encryption": EncryptionSettings,
    "cache": CacheSettings,
    "compaction": CompactionSettings,
    "summaries": SummariesSettings,
    "tokenizer": TokenizerSettings,
    "search": SearchSettings,
}


def read_settings(source: str | PathLike[str] | Mapping[str, Any] | Settings) -> Settings:
    """Settings from a TOML file or its content; raises ``SettingsError`` with one line per fault."""
    if isinstance(source, Settings):
        return source
    where, values = ("the settings", source) if isinstance(source, Mapping) else (str(source), _toml(source))
    unknown = list(unknown_variables(Settings.__struct_fields__))
    if unknown:
        raise SettingsError("\n".join(unknown))
    given = overrides(Settings)
    whole = merged(overridden(values, given), given)
    return _by_section(whole) or checked(Settings, whole, where, blame=partial(blamed, given=given))


def _by_section(whole: Mapping[str, Any]) -> Settings | None:
    """The same in a third of the time, where nothing is wrong: the kinds of sections that are not given aren't looked at."""
    try:
        sections: dict[str, Any] = {name: converted(_SECTIONS[name], given) for name, given in whole.items()}
        return Settings(**sections)
    except (KeyError, TypeError, ValidationError):
        return None


def _toml(path: str | PathLike[str]) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - settings may be given as a mapping

    try:
        with open(path, "rb") as file:  # noqa: PTH123 - without pathlib
            return tomllib.load(file)
    except FileNotFoundError:
        raise SettingsError(f"there is no configuration file {path}") from None
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 from byte {error.start} on") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {error}") from None
