"""Experiments: whole training runs from a command line. ``python -m experiments --help`` lists them."""
