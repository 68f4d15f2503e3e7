"""For storages that keep their data in a folder: private, durable, with room left to delete, and nothing thrown away."""

from __future__ import annotations

from holdall.folders.kept import Quarantine
from holdall.folders.private import private_folder, sync_file
from holdall.folders.rebuilt import rebuilt_head
from holdall.folders.replaced import ReplacedFile
from holdall.folders.reserve import Reserve
from holdall.folders.saying import no_room, typed

__all__ = ["Quarantine", "ReplacedFile", "Reserve", "no_room", "private_folder", "rebuilt_head", "sync_file", "typed"]
