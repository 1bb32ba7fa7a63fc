"""Recurrence: the simple recurrent network, the gated recurrent unit, long short-term memory."""
