"""The game on the level of the public API: clients of ``holdall.open`` that do to sessions all that can be done."""
