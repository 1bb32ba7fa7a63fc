"""Cross-entropies: from probabilities, from logits, with integer labels or soft targets; NLL and KL.

Classes stand on the last axis; a value belongs to each row. Everything is stable for logits of ±1e4, because no
probability is rounded before its logarithm is taken; and 0 log 0 = 0. Source: Bishop (2006), section 4.3.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Num

from fnn.kernels import cross_entropy as kernel
from fnn.kernels.numerics import wide, wide_dtype
from fnn.rule import Static
from fnn.rules.losses.loss import loss, same_shape


@loss
def binary_cross_entropy(probabilities: Float[Array, "..."], targets: Num[Array, "..."]):
    """ℓ = -(t log p + (1 - t) log(1 - p)), dp = dℓ ((1 - t)/(1 - p) - t/p), dt = dℓ (log(1 - p) - log p).

    A certain and wrong probability costs +inf. Keeps p and t. From logits use sigmoid_cross_entropy, which is exact
    where p rounds to 0 or 1.
    """
    same_shape("binary_cross_entropy", probabilities=probabilities, targets=targets)
    p, t = wide(probabilities), targets.astype(wide_dtype(probabilities.dtype))
    value = -_times_or_zero(t, _safe_log(p, t)) - _times_or_zero(1 - t, _safe_log(1 - p, 1 - t))
    return value, (probabilities, targets)


@binary_cross_entropy.each_backward
def binary_cross_entropy_backward(saved, dvalues):
    """dp = dℓ ((1 - t)/(1 - p) - t/p), dt = dℓ (log(1 - p) - log p)."""
    probabilities, targets = saved
    p, t = wide(probabilities), targets.astype(dvalues.dtype)
    dp = _times_or_zero(dvalues, _ratio_or_zero(1 - t, 1 - p) - _ratio_or_zero(t, p))
    return dp, _times_or_zero(dvalues, jnp.log1p(-p) - jnp.log(p))


@loss
def sigmoid_cross_entropy(logits: Float[Array, "..."], targets: Num[Array, "..."]):
    """ℓ = max(x, 0) - x t + log(1 + exp(-|x|)), dx = dℓ (σ(x) - t), dt = -dℓ x. Keeps x and t.

    Binary cross-entropy of p = σ(x), exact for any finite x.
    """
    same_shape("sigmoid_cross_entropy", logits=logits, targets=targets)
    x, t = wide(logits), targets.astype(wide_dtype(logits.dtype))
    return jnp.logaddexp(x, 0.0) - x * t, (logits, targets)


@sigmoid_cross_entropy.each_backward
def sigmoid_cross_entropy_backward(saved, dvalues):
    """dx = dℓ (σ(x) - t), dt = -dℓ x."""
    logits, targets = saved
    x, t = wide(logits), targets.astype(dvalues.dtype)
    # σ(x) = (1 + tanh(x/2)) / 2, and neither form overflows.
    return dvalues * (0.5 * (jnp.tanh(0.5 * x) + 1) - t), -dvalues * x


@loss
def cross_entropy(probabilities: Float[Array, "*batch classes"], targets: Num[Array, "..."]):
    """ℓ = -Σ_c t_c log p_c over the last axis, dp_c = -dℓ t_c / p_c, dt_c = -dℓ log p_c. Keeps p and t.

    probabilities: (..., classes); targets: (..., classes) one-hot or soft, or (...) integer labels. An impossible
    target (t > 0 at p = 0) costs +inf.

    >>> import jax.numpy as jnp
    >>> round(float(cross_entropy(jnp.array([[0.1, 0.2, 0.7]]), jnp.array([1]))), 2)
    1.61
    """
    t = _targets("cross_entropy", probabilities, targets)
    value = -_times_or_zero(t, _safe_log(wide(probabilities), t)).sum(-1)
    return _poison(value, targets, probabilities.shape[-1], None), (probabilities, targets)


@cross_entropy.each_backward
def cross_entropy_backward(saved, dvalues):
    """dp = -dℓ t / p, dt = -dℓ log p."""
    probabilities, targets = saved
    t = _targets("cross_entropy", probabilities, targets)
    p = wide(probabilities)
    d = dvalues[..., None]
    return _times_or_zero(_ratio_or_zero(t, p), -d), None if _is_labels(targets) else -_times_or_zero(d, jnp.log(p))


@loss
def softmax_cross_entropy(
    logits: Float[Array, "*batch classes"],
    targets: Num[Array, "..."],
    class_weights: Float[Array, " classes"] | None = None,
    *,
    label_smoothing: float = 0.0,
    ignore_label: int | None = None,
):
    """ℓ = Σ_c a_c t_c (lse - z_c) with lse = log Σ_c exp z_c: the cross-entropy of P = softmax(z).

    logits z: (..., classes); targets: (...) integer labels, or (..., classes) one-hot or soft; class_weights a:
    (classes,), 1 by default. t is smoothed to (1 - ε) t + ε / classes.

        dz_c = dℓ (P_c Σ_k a_k t_k - a_c t_c),   dt_c = dℓ (1 - ε) a_c (lse - z_c),   da_c = Σ dℓ t_c (lse - z_c)

    Integer labels equal to `ignore_label` have value and gradient 0 and do not count in the mean; with class weights
    a mean over integer labels divides by the sum of the weights a_y, as in PyTorch. A label outside 0..classes-1 is
    NaN (on the host, `fnn.data.check_examples` names it). Keeps z, its maximum and lse less the maximum (two numbers
    a row), and the targets; the probabilities are made again. Stable: exact for |z| up to the largest float.
    Source: Bishop (2006), 4.3.4; smoothing: Szegedy et al. (2016).

    >>> import jax.numpy as jnp
    >>> round(float(softmax_cross_entropy(jnp.zeros((1, 10)), jnp.array([3]))), 4)          # ln 10
    2.3026
    >>> float(softmax_cross_entropy(jnp.array([[1e4, -1e4]]), jnp.array([0])))
    0.0
    """
    name = "softmax_cross_entropy"
    t = _targets(name, logits, targets, label_smoothing)
    u = t if class_weights is None else t * _class_row(name, class_weights, t)
    value, norm = kernel.forward(logits, u)
    value = _poison(value, targets, logits.shape[-1], ignore_label)
    saved = (logits, norm, targets, class_weights)
    return _with_mass(value, targets, class_weights, logits.shape[-1], ignore_label), saved


@softmax_cross_entropy.each_backward
def softmax_cross_entropy_backward(saved, dvalues, *, label_smoothing, ignore_label):
    """dz = dℓ (P Σ a t - a t), dt = dℓ (1 - ε) a (lse - z), da = Σ dℓ t (lse - z) + Σ dm at the label."""
    logits, norm, targets, class_weights = saved
    dvalues, dmass = dvalues if isinstance(dvalues, tuple) else (dvalues, None)
    dvalues = _counted(dvalues, targets, ignore_label)
    t = _targets("softmax_cross_entropy", logits, targets, label_smoothing)
    if class_weights is None:
        dz = kernel.backward(logits, norm, t, None if _is_labels(targets) else t.sum(-1), dvalues)
        row, dclass_weights = 1.0, None
    else:
        row = _class_row("softmax_cross_entropy", class_weights, t)
        u = t * row
        dz = kernel.backward(logits, norm, u, u.sum(-1), dvalues)
        leading = tuple(range(t.ndim - 1))
        surprisal = _times_or_zero(t, kernel.surprisal(logits, norm, u))
        dclass_weights = _times_or_zero(surprisal, dvalues[..., None]).sum(leading)
        if dmass is not None and _is_labels(targets):
            label = _targets("softmax_cross_entropy", logits, targets)
            dclass_weights += (_counted(dmass, targets, ignore_label)[..., None] * label).sum(leading)
    if _is_labels(targets):
        return dz, None, dclass_weights
    return dz, dvalues[..., None] * (1 - label_smoothing) * row * kernel.surprisal(logits, norm), dclass_weights


@loss
def negative_log_likelihood(
    log_probabilities: Float[Array, "*batch classes"],
    labels: Int[Array, "*batch"],
    class_weights: Float[Array, " classes"] | None = None,
    *,
    ignore_label: int | None = None,
):
    """ℓ = -a_y log p_y at the integer label y, d(log p)_c = -dℓ a_y where c = y, else 0.

    log_probabilities: (..., classes), as from log_softmax; labels: (...). Ignored labels, class weights and the mean
    as in softmax_cross_entropy. Keeps the labels, and with class weights those and the picked log-probabilities.
    """
    name = "negative_log_likelihood"
    one_hot = _targets(name, log_probabilities, labels)
    picked = _times_or_zero(one_hot, wide(log_probabilities)).sum(-1)
    classes = log_probabilities.shape[-1]
    if class_weights is None:
        value, kept = -picked, None
    else:
        value, kept = -picked * _times_or_zero(one_hot, _class_row(name, class_weights, one_hot)).sum(-1), picked
    value = _poison(value, labels, classes, ignore_label)
    saved = (labels, class_weights, kept, Static(classes))
    return _with_mass(value, labels, class_weights, classes, ignore_label), saved


@negative_log_likelihood.each_backward
def negative_log_likelihood_backward(saved, dvalues, *, ignore_label):
    """d(log p) = -dℓ a_y at the label, da_y = -Σ dℓ log p_y + Σ dm."""
    labels, class_weights, picked, classes = saved
    dvalues, dmass = dvalues if isinstance(dvalues, tuple) else (dvalues, None)
    dvalues = _counted(dvalues, labels, ignore_label)
    one_hot = kernel.distribution(labels, classes.value, 0.0, dvalues.dtype)
    if class_weights is None:
        return _times_or_zero(one_hot, -dvalues[..., None]), None, None
    dlog = _times_or_zero(one_hot, -dvalues[..., None] * _class_row("negative_log_likelihood", class_weights, one_hot))
    each = -dvalues * picked + (0.0 if dmass is None else _counted(dmass, labels, ignore_label))
    dclass_weights = (each[..., None] * one_hot).sum(tuple(range(one_hot.ndim - 1)))
    return dlog, None, dclass_weights


@loss
def kl_divergence(log_probabilities: Float[Array, "*batch classes"], targets: Float[Array, "*batch classes"]):
    """ℓ = Σ_c t_c (log t_c - log p_c), d(log p)_c = -dℓ t_c, dt_c = dℓ (log t_c - log p_c + 1).

    KL(t ‖ p) over the last axis, from log-probabilities and target probabilities. 0 log 0 = 0; where t_c = 0 the
    gradient of t_c is -inf. Keeps both. The mean over rows is PyTorch's "batchmean". Source: Kullback, Leibler (1951).
    """
    same_shape("kl_divergence", log_probabilities=log_probabilities, targets=targets)
    log_p, t = wide(log_probabilities), wide(targets)
    value = _times_or_zero(t, _safe_log(t, t) - jnp.where(t == 0, 0.0, log_p)).sum(-1)
    return value, (log_probabilities, targets)


@kl_divergence.each_backward
def kl_divergence_backward(saved, dvalues):
    """d(log p) = -dℓ t, dt = dℓ (log t - log p + 1)."""
    log_p, t = map(wide, saved)
    d = dvalues[..., None]
    return -d * t, _times_or_zero(d, jnp.log(t) - log_p + 1)


def _is_labels(targets: Array) -> bool:
    return jnp.issubdtype(targets.dtype, jnp.integer)


def _targets(name: str, scores: Array, targets: Array, label_smoothing: float = 0.0) -> Array:
    """Return the target distribution, one row a row of scores, or say why targets do not fit."""
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"{name}: label_smoothing = {label_smoothing}, wanted 0 <= label_smoothing < 1.")
    if not _is_labels(targets) and not jnp.issubdtype(targets.dtype, jnp.floating):
        raise TypeError(f"{name}: targets are {targets.dtype}, wanted integer labels or floating-point distributions.")
    wanted = scores.shape[:-1] if _is_labels(targets) else scores.shape
    if scores.ndim == 0 or targets.shape != wanted:
        kind = "integer labels" if _is_labels(targets) else "distributions"
        raise ValueError(
            f"{name}: the scores have shape {scores.shape} and the targets, which are {kind}, {targets.shape}; "
            f"wanted {wanted}."
        )
    return kernel.distribution(targets, scores.shape[-1], label_smoothing, wide_dtype(scores.dtype))


def _class_row(name: str, class_weights: Array, t: Array) -> Array:
    if class_weights.shape != t.shape[-1:]:
        raise ValueError(f"{name}: class_weights have shape {class_weights.shape}, wanted one a class {t.shape[-1:]}.")
    return jnp.broadcast_to(class_weights.astype(t.dtype), t.shape)


def _poison(value: Array, targets: Array, classes: int, ignore_label: int | None) -> Array:
    """Zero where the label is ignored, NaN where it names no class."""
    if not _is_labels(targets):
        return value
    value = jnp.where((targets >= 0) & (targets < classes), value, jnp.nan)
    return _counted(value, targets, ignore_label)


def _counted(value: Array, targets: Array, ignore_label: int | None) -> Array:
    if ignore_label is None or not _is_labels(targets):
        return value
    return jnp.where(targets == ignore_label, jnp.zeros_like(value), value)


def _with_mass(value: Array, targets: Array, class_weights: Array | None, classes: int, ignore_label: int | None):
    """Pair the values with what each counts in a mean: the weight of its class, 0 if ignored; alone if all count 1."""
    if not _is_labels(targets) or (class_weights is None and ignore_label is None):
        return value
    mass = jnp.ones_like(value)
    if class_weights is not None:
        one_hot = kernel.distribution(targets, classes, 0.0, value.dtype)
        mass = (one_hot * _class_row("class_weights", class_weights, one_hot)).sum(-1)
    return value, _counted(mass, targets, ignore_label)


def _times_or_zero(t: Array, x: Array) -> Array:
    """T x, and 0 where one is 0 and the other infinite or NaN: a row of weight 0 counts for nothing, whatever it holds.

    Infinity is put out of the product too, lest its derivative makes NaN of it.
    """
    nothing = ((t == 0) & ~jnp.isfinite(x)) | ((x == 0) & ~jnp.isfinite(t))
    return jnp.where(nothing, 0.0, jnp.where(nothing, 0.0, t) * jnp.where(nothing, 0.0, x))


def _safe_log(p: Array, t: Array) -> Array:
    """Log p, and 0 where p = 0 and nothing asks for it (t = 0)."""
    unasked = (p == 0) & (t == 0)
    return jnp.where(unasked, 0.0, jnp.log(jnp.where(unasked, 1.0, p)))


def _ratio_or_zero(t: Array, p: Array) -> Array:
    """T / p, and 0 where t = 0 even if p = 0."""
    return jnp.where(t == 0, 0.0, t / jnp.where(t == 0, 1.0, p))
