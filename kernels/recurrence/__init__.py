"""Recurrence: the loops over time of the simple RNN, the GRU and the LSTM, and their back-propagation by hand.

Arrays of the loops are (time, batch, features). What does not depend on the state stands outside of the loops, as one
product or one pass over all steps: the input product before the forward loop; before the backward loop what each
cotangent will be multiplied by; after it the gradients of the weights. Back-propagation through time is Werbos (1990).
"""
