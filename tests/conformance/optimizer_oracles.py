"""Every algorithm of fnn.optim for one array, in numpy and float64, written straight from its paper.

Each takes the start w, the list of gradients, the rate eta and the decay lambda, and returns the last w (schedule-free:
the pair y, x). They keep moments as plain sums of the definition, not as the recursions that the library fuses.
"""

import numpy as np

FLOAT64_EPS = float(np.finfo(np.float64).eps)


def geometric_mean_of(terms, beta):
    """m = (1 - beta) sum_k beta^(t - k) g_k, by its definition."""
    return (1 - beta) * sum(beta ** (len(terms) - 1 - k) * term for k, term in enumerate(terms))


def correction(beta, t):
    """1 - beta^t as a geometric series, which loses no digits."""
    return (1 - beta) * sum(beta**k for k in range(t))


def corrected(terms, beta):
    return geometric_mean_of(terms, beta) / correction(beta, len(terms))


def squares(terms):
    return [g * g for g in terms]


def pasts(gs):
    return [gs[: t + 1] for t in range(len(gs))]


def sgd(w, gs, eta, decay):
    for g in gs:
        w = w - eta * g - eta * decay * w
    return w


def momentum(w, gs, eta, decay, mu=0.9):
    V = np.zeros_like(w)
    for g in gs:
        V = mu * V - eta * g
        w = w + V - eta * decay * w
    return w


def averaged_momentum(w, gs, eta, decay, beta=0.9):
    for past in pasts(gs):
        w = w - eta * geometric_mean_of(past, beta) - eta * decay * w
    return w


def nesterov(w, gs, eta, decay, mu=0.9):
    """The two-point form: the iterate W, and the point W + mu V where gradient and decay are taken."""
    W, V = w, np.zeros_like(w)
    for g in gs:
        looked_from = W + mu * V
        V = mu * V - eta * g
        W = W + V - eta * decay * looked_from
    return W + mu * V


def adagrad(w, gs, eta, decay, eps=1e-10):
    for past in pasts(gs):
        w = w - eta * past[-1] / (np.sqrt(sum(squares(past))) + eps) - eta * decay * w
    return w


def adadelta(w, gs, eta, decay, rho=0.9, eps=1e-6):
    steps = [np.zeros_like(w)]
    for past in pasts(gs):
        dx = np.sqrt(geometric_mean_of(squares(steps), rho) + eps) * past[-1]
        dx = dx / np.sqrt(geometric_mean_of(squares(past), rho) + eps)
        steps.append(dx)
        w = w - eta * dx - eta * decay * w
    return w


def rmsprop(w, gs, eta, decay, alpha=0.99, eps=1e-8, mu=0.0, centered=False):
    V = np.zeros_like(w)
    for past in pasts(gs):
        v = geometric_mean_of(squares(past), alpha)
        if centered:
            v = v - geometric_mean_of(past, alpha) ** 2
        V = mu * V + past[-1] / (np.sqrt(v) + eps)
        w = w - eta * V - eta * decay * w
    return w


def adam(w, gs, eta, decay, beta1=0.9, beta2=0.999, eps=1e-8):
    for past in pasts(gs):
        direction = corrected(past, beta1) / (np.sqrt(corrected(squares(past), beta2)) + eps)
        w = w - eta * direction - eta * decay * w
    return w


def amsgrad(w, gs, eta, decay, beta1=0.9, beta2=0.999, eps=1e-8):
    for past in pasts(gs):
        largest = np.max([geometric_mean_of(squares(part), beta2) for part in pasts(past)], axis=0)
        root = np.sqrt(largest / correction(beta2, len(past)))
        w = w - eta * corrected(past, beta1) / (root + eps) - eta * decay * w
    return w


def adamax(w, gs, eta, decay, beta1=0.9, beta2=0.999, eps=1e-8):
    for past in pasts(gs):
        t = len(past)
        u = np.max([beta2 ** (t - 1 - k) * (abs(g) + eps) for k, g in enumerate(past)], axis=0)
        w = w - eta * corrected(past, beta1) / u - eta * decay * w
    return w


def nadam(w, gs, eta, decay, beta1=0.9, beta2=0.999, eps=1e-8, psi=4e-3):
    mu = [beta1 * (1 - 0.5 * 0.96 ** (t * psi)) for t in range(1, len(gs) + 2)]
    for past in pasts(gs):
        t = len(past)
        ahead = mu[t] * geometric_mean_of(past, beta1) / (1 - np.prod(mu[: t + 1]))
        now = (1 - mu[t - 1]) * past[-1] / (1 - np.prod(mu[:t]))
        w = w - eta * (ahead + now) / (np.sqrt(corrected(squares(past), beta2)) + eps) - eta * decay * w
    return w


def radam(w, gs, eta, decay, beta1=0.9, beta2=0.999, eps=1e-8):
    limit = 2 / (1 - beta2) - 1
    for past in pasts(gs):
        t = len(past)
        rho, step = limit - 2 * t * beta2**t / correction(beta2, t), corrected(past, beta1)
        if rho > 5:
            r = np.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
            root = np.sqrt(geometric_mean_of(squares(past), beta2)) + eps
            step = step * r * np.sqrt(correction(beta2, t)) / root
        w = w - eta * step - eta * decay * w
    return w


def lion(w, gs, eta, decay, beta1=0.9, beta2=0.99):
    m = np.zeros_like(w)
    for g in gs:
        w = w - eta * (np.sign(beta1 * m + (1 - beta1) * g) + decay * w)
        m = beta2 * m + (1 - beta2) * g
    return w


def lars(w, gs, eta, decay, mu=0.9, trust=1e-3):
    v = np.zeros_like(w)
    for g in gs:
        rate = eta * trust * np.linalg.norm(w) / (np.linalg.norm(g) + decay * np.linalg.norm(w))
        v = mu * v + rate * (g + decay * w)
        w = w - v
    return w


def lamb(w, gs, eta, decay, beta1=0.9, beta2=0.999, eps=1e-6):
    for past in pasts(gs):
        u = corrected(past, beta1) / (np.sqrt(corrected(squares(past), beta2)) + eps) + decay * w
        w = w - eta * np.linalg.norm(w) / np.linalg.norm(u) * u
    return w


def adafactor(w, gs, eta, decay, eps2=1e-3, d=1.0, eps1=FLOAT64_EPS):
    V = np.zeros_like(w)
    R, C = (np.zeros_like(V.sum(axis, keepdims=True)) for axis in (-1, -2)) if w.ndim > 1 else (None, None)
    for t, g in enumerate(gs, start=1):
        beta2 = 1 - t**-0.8
        if w.ndim > 1:
            R = beta2 * R + (1 - beta2) * (g * g).mean(-1, keepdims=True)
            C = beta2 * C + (1 - beta2) * (g * g).mean(-2, keepdims=True)
            estimate = (R @ C) / np.maximum(R.mean(-2, keepdims=True), eps1)
        else:
            estimate = V = beta2 * V + (1 - beta2) * g * g
        U = g / np.sqrt(np.maximum(estimate, eps1**2))
        rate = max(eps2, np.sqrt((w * w).mean())) * min(eta, 1 / np.sqrt(t))
        w = w - rate * U / max(1, np.sqrt((U * U).mean()) / d) - eta * decay * w
    return w


def muon(w, gs, eta, decay, mu=0.95):
    """Newton-Schulz as a polynomial of the singular values; AdamW at its defaults for what is no matrix."""
    if w.ndim < 2:
        return adam(w, gs, 1e-3, 1e-2)
    for past in pasts(gs):
        towards = mu * geometric_mean_of(past, mu) + (1 - mu) * past[-1]
        U, s, Vt = np.linalg.svd(towards, full_matrices=False)
        s = s / np.sqrt((s * s).sum())
        for _ in range(5):
            s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
        w = w - eta * np.sqrt(max(1, w.shape[1] / w.shape[0])) * (U * s) @ Vt - eta * decay * w
    return w


def schedule_free_adamw(w, gs, eta, decay, beta1=0.9, beta2=0.999, eps=1e-8):
    x = y = z = w
    for past in pasts(gs):
        d = past[-1] / (np.sqrt(corrected(squares(past), beta2)) + eps) + decay * y
        z = z - eta * d
        x = (1 - 1 / len(past)) * x + 1 / len(past) * z
        y = (1 - beta1) * z + beta1 * x
    return y, x
