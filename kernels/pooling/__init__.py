"""Pooling over windows: maximum, average, L2, and the windows of a given number of outputs (adaptive pooling).

Arrays are (batch, *spatial, channels), with one to three spatial axes.
"""
