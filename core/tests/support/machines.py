"""State machines of hypothesis that drive two stores on one storage: two writers to one session."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine, initialize

import holdall
from holdall.plugins import Plugins
from holdall.testing.clock import ManualClock
from support.stores import beside

__all__ = ["TwoWriters"]


class TwoWriters(RuleBasedStateMachine):
    """A session of ana's in a store of ``backend``, and the two ``stores`` that it is written to by."""

    backend = "memory"
    policy: Mapping[str, Any] = {}
    """More of the section ``[sessions]``."""

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.opened = None

    def run(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def teardown(self):
        if self.opened is not None:
            self.run(self.opened.__aexit__(None, None, None))
        self.loop.close()
        self.folder.cleanup()

    @initialize()
    def begin(self):
        options = Plugins().storage(self.backend).sandbox(Path(self.folder.name))
        config = {
            "storage": {"use": self.backend, "options": dict(options)},
            "sessions": {"sweep_every": 0, **self.policy},
        }
        self.opened = holdall.open(config, clock=ManualClock())
        store = self.run(self.opened.__aenter__())
        self.stores = [store, beside(store)]
        self.id = self.run(store.create(owner="ana")).id
