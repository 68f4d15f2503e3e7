"""Cache policies for Holdall: pure objects that say which keys a cache keeps. Each plugin is a module of its own."""

from __future__ import annotations

from holdall_policies.bounds import Bounded, Bounds
from holdall_policies.sieve import Sieve
from holdall_policies.tinylfu import TinyLFU
from holdall_policies.ttl import Oldest

__all__ = ["Bounded", "Bounds", "Oldest", "Sieve", "TinyLFU"]
