"""The game on the level of the contract: writers that commit and drop, and reach trims, rewrites and whole lanes."""
