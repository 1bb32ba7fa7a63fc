"""Benchmarks: correctness first, then A and B in turn in one process, ratios of medians."""
