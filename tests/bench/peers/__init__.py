"""Other stores, measured beside Holdall in one run. They live in an environment of their own: ``make peers``."""
