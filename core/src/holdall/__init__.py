"""Holdall keeps the sessions of AI assistants and agents, on any storage, behind one small contract."""
