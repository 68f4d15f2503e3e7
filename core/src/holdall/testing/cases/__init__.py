"""The tests of the kit, by topic. Each docstring quotes the sentence of the contract that it holds a storage to."""
