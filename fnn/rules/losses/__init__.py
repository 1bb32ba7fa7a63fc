"""Losses, one file a family; `loss.py` turns a loss per example into a rule with weights and reduction."""
