"""Finding the configuration: ``--config``, then ``HOLDALL_CONFIG``, then ``holdall.toml``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdall.errors import SettingsError

if TYPE_CHECKING:
    from holdall.settings import Settings

__all__ = ["config_path", "settings_of", "with_plugins", "with_server"]

DEFAULT = "holdall.toml"


def config_path(args: argparse.Namespace) -> Path | None:
    """The configuration file; ``None`` when there is none but the environment says it all."""
    given: str | None = getattr(args, "config", None) or os.environ.get("HOLDALL_CONFIG")
    path = Path(given or DEFAULT)
    if path.exists():
        return path
    if given is None and os.environ.get("HOLDALL_STORAGE__USE"):
        return None
    raise SettingsError(f"there is no configuration file {path}; to make one: holdall check --example > {path}")


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings that the command line points to; raises ``SettingsError`` with one line per fault."""
    path = config_path(args)
    from holdall.settings import read_settings  # noqa: PLC0415 - costs more than the rest of the command line

    return with_plugins(read_settings({} if path is None else path), args)


def with_plugins(settings: Settings, args: argparse.Namespace) -> Settings:
    """``settings`` with what ``--plugin`` names added to their plugins."""
    if not args.plugins:
        return settings
    from msgspec.structs import replace  # noqa: PLC0415 - imported with the settings

    return replace(settings, plugins=[*settings.plugins, *args.plugins])


def with_server(settings: Settings, changes: dict[str, Any]) -> Settings:
    """``settings`` with some of ``[server]`` replaced by what the command line says."""
    from msgspec.structs import asdict, replace  # noqa: PLC0415 - imported with the settings

    from holdall.checking import checked  # noqa: PLC0415 - as above

    server = checked(type(settings.server), {**asdict(settings.server), **changes}, "the command line")
    return replace(settings, server=server)
