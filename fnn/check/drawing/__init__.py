"""Arguments for a function, drawn from its annotations."""
