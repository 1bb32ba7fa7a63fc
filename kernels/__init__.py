"""fnn.kernels: forward and backward passes of the compute-heavy operations, as plain functions of arrays.

No differentiation and no layers here; `fnn.rules` joins the pairs. One file an operation.
"""
