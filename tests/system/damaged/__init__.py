"""A store of many sessions, some of them damaged: how soon it serves the rest, and whether all damage is named."""
