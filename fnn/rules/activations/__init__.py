"""Activations, one file a family.

An elementwise activation is a row of two functions, itself and its derivative (see `fnn.rules.elementwise`); the
others are rules of their own. The table of them all stands in `fnn/rules/__init__.py`.
"""
