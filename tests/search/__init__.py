"""Search against the whole data set: what is in it, and what a search by reading all of it finds."""
