"""Recurrence: the loops over time of the simple RNN, the GRU and the LSTM, and their back-propagation by hand.

What does not depend on the state stands outside of the loops, as one product or one pass over all steps: the input
product before the forward loop; before the backward loop what each cotangent will be multiplied by; after it the
gradients of the weights. The loops go through arrays (time, batch, features), and Uᵀ is written down once for the
way back. Back-propagation through time is Werbos (1990).
The loops are jitted here: outside jit, lax.scan would compile its body anew at each call.
"""
