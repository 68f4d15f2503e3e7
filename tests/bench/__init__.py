"""Holdall against the limits of the machine it runs on: ``make bench``, or ``python -m tests.bench --help``."""
