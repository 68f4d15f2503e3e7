"""The format ``html``: a session as one page to be read, which needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from holdall.hooks import FormatOffer, hookimpl

if TYPE_CHECKING:
    from holdall.formats.kinds import Writer

__all__ = ["holdall_formats"]


@hookimpl
def holdall_formats() -> Iterable[FormatOffer]:
    """The one format."""
    summary = "the conversation as one page, to be read in a browser"
    media = "text/html; charset=utf-8"
    return [FormatOffer("html", summary, writer=_writer, media_type=media, suffix=".html", every=True)]


def _writer() -> Writer:
    from holdall_html.page import write  # noqa: PLC0415 - with a Markdown parser, when a page is written

    return write
