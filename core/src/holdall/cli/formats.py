"""The formats that a command line can name, and what is told of them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from holdall.errors import Invalid, SettingsError

if TYPE_CHECKING:
    from holdall.formats import Formats
    from holdall.hooks import FormatOffer
    from holdall.settings import Settings

__all__ = ["format_facts", "formats_of", "own_format", "own_formats"]


def formats_of(settings: Settings | None, args: argparse.Namespace, *, writes: bool = False) -> Formats:
    """The formats of a configuration, or without one of ``--plugin``; raises ``SettingsError`` unless ``--format`` fits."""
    from holdall.formats import Formats  # noqa: PLC0415 - costs more than the rest of the command line

    if settings is not None:
        formats = Formats.of(settings, installed=True)
    else:
        from holdall.plugins import Plugins  # noqa: PLC0415 - as above

        plugins = Plugins()
        for name in args.plugins:
            plugins.load(name)
        formats = Formats(plugins, installed=True)
    try:
        if args.format is not None:
            formats.offer(args.format, writes=writes)
    except Invalid as unknown:
        raise SettingsError(f"--format: {unknown.reason}") from None
    return formats


def own_format(name: str) -> FormatOffer | None:
    """The built-in format called ``name``."""
    from holdall.formats import Formats  # noqa: PLC0415 - as above

    return next((offer for offer in Formats().offers if offer.name == name), None)


def own_formats() -> list[dict[str, str]]:
    """The built-in formats, as rows beside the installed plugins."""
    from holdall import __version__  # noqa: PLC0415 - as above
    from holdall.formats import Formats  # noqa: PLC0415 - as above

    return [
        {"name": offer.name, "version": __version__, "package": "holdall", "summary": _summary(offer)}
        for offer in Formats().offers
    ]


def format_facts(offer: FormatOffer) -> Mapping[str, Any]:
    """What a format can do."""
    facts = {"reads": _yes(offer.reader), "writes": _yes(offer.writer)}
    return facts | ({} if offer.writer is None else {"media_type": offer.media_type, "suffix": offer.suffix})


def _summary(offer: FormatOffer) -> str:
    uses = [use for use, made in (("import", offer.reader), ("export", offer.writer)) if made is not None]
    return f"format ({', '.join(uses)}): {offer.summary}"


def _yes(made: object) -> str:
    return "no" if made is None else "yes"
