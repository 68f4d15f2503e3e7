"""``python -m holdall.cli`` is the same as ``holdall``."""

import sys

from holdall.cli import main

sys.exit(main())
