"""Taps: what every layer's output and cotangent look like, measured inside the jitted step. See `collect.py`."""
