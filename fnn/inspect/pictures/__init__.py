"""Pictures: what a network does, drawn. Every function returns a matplotlib figure, and none runs inside a step."""
