"""Pooling: maximum, average and L2 of windows, of all positions, or of as many windows as are asked for."""
