"""Sessions: their life, their conversation and their tool runs, on top of the contract alone."""
