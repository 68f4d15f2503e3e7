"""Servers killed while clients converse: what was acknowledged holds, and nothing is there by half."""
