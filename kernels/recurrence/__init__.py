"""Recurrence: the loops over time of the simple RNN, the GRU and the LSTM, and their back-propagation by hand.

What does not depend on the state stands outside of the loops, as one product or one pass over all steps: the input
product before the forward loop; before the backward loop what each cotangent will be multiplied by; after it the
gradients of the weights. In the loops examples are columns, (features, batch), and the product is Uᵀ·h with Uᵀ made
once: a CPU takes two thirds of the time that h·U takes. Back-propagation through time is Werbos (1990).
The loops are jitted here: outside jit, lax.scan would compile its body anew at each call.
"""
