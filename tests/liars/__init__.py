"""Storages that lie, each in one way, and the kit tests that must catch them.

A kit that nobody fails proves nothing: ``test_liars.py`` holds the kit to its word.
"""
