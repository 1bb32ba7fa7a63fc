"""Local response normalisation. Kernel: `fnn.kernels.local_response`."""

from jaxtyping import Array, Float

from fnn.kernels import local_response as kernel
from fnn.rule import rule


@rule
def local_response_norm(
    x: Float[Array, "... channels"], *, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
):
    """Y_i = X_i D_i^-β with D_i = k + α/size Σ_j X_j² over the `size` channels j about i, cut off at the ends.

    x: (..., channels). The window is [i - size // 2, i + (size - 1) // 2].

        dX_i = D_i^-β dY_i - 2 α β/size X_i Σ_j dY_j X_j D_j^(-β-1), over the j whose window holds i

    Keeps x. Entries at inf or NaN make their windows NaN. Raises ValueError unless size >= 1, alpha >= 0 and k > 0.
    Source: Krizhevsky, Sutskever and Hinton (2012), section 3.3, whose α is α/size here, as other frameworks have it.

    >>> import jax.numpy as jnp
    >>> local_response_norm(jnp.array([1.0, 2.0]), size=1, alpha=1.0, beta=1.0).tolist()
    [0.5, 0.4000000059604645]
    """
    if x.ndim == 0:
        raise ValueError("local_response_norm: x has shape (), wanted (..., channels).")
    if size < 1 or not alpha >= 0 or not k > 0:
        raise ValueError(
            f"local_response_norm: size = {size}, alpha = {alpha}, k = {k}, wanted size >= 1, alpha >= 0 and k > 0, "
            "so that the divisor is positive."
        )
    return kernel.forward(x, size, alpha, beta, k), x


@local_response_norm.backward
def local_response_norm_backward(x, dy, *, size, alpha, beta, k):
    """dX_i = D_i^-β dY_i - 2 α β/size X_i Σ_j dY_j X_j D_j^(-β-1)."""
    return kernel.backward(x, dy, size, alpha, beta, k)
