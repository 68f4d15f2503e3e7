"""Backups under writers in other processes, and restores that are killed: ``python -m tests.system.backups --help``."""
