"""Rules that normalise: by the batch, by groups of channels, by rows, by neighbouring channels, and of weights."""
