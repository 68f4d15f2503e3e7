"""How a record becomes bytes and comes back: ``envelope``, ``pipeline``, and dictionaries that are kept in the store."""

from __future__ import annotations

from holdall.codecs.envelope import Envelope
from holdall.codecs.kinds import Compressor, Learning
from holdall.codecs.pipeline import Codec

__all__ = ["Codec", "Compressor", "Envelope", "Learning"]
