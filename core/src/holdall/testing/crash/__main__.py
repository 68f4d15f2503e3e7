"""``python -m holdall.testing.crash``: see the package."""

from __future__ import annotations

import sys
from functools import partial

from holdall.testing.crash import __doc__ as described
from holdall.testing.crash.command import configure, crash
from holdall.testing.outcomes import alone

if __name__ == "__main__":
    sys.exit(alone("crash", described or "", partial(configure, mode="--mode", default="kill"), crash))
