"""``python -m holdall.testing.faults``: see the package."""

from __future__ import annotations

import sys

from holdall.testing.faults import __doc__ as described
from holdall.testing.faults.command import configure, faults
from holdall.testing.outcomes import alone

if __name__ == "__main__":
    sys.exit(alone("faults", described or "", configure, faults))
