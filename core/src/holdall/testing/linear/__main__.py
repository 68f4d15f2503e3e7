"""``python -m holdall.testing.linear``: see the package."""

from __future__ import annotations

import sys

from holdall.testing.linear import __doc__ as described
from holdall.testing.linear.command import configure, linear
from holdall.testing.outcomes import alone

if __name__ == "__main__":
    sys.exit(alone("linear", described or "", configure, linear))
