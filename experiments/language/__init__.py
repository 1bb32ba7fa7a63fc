"""Experiments on text and sequences: what recurrent networks and transformers learn."""
