"""The roofline: how fast a kernel could be at its arithmetic intensity, and how fast it is."""

import math
from collections.abc import Mapping

from fnn.inspect.pictures.canvas import Figure, canvas
from fnn.inspect.pictures.regions import COLOURS, MARKERS


def roofline(peak: float, bandwidth: float, kernels: Mapping[str, tuple[float, float]], *, title: str = "") -> Figure:
    """Draw the device's two roofs and the kernels under them, both axes logarithmic.

        attainable(i) = min(peak, bandwidth · i)      FLOP/s at an intensity of i FLOP/byte

    `peak` is in FLOP/s, `bandwidth` in bytes/s; `kernels` is {name: (intensity in FLOP/byte, rate in FLOP/s)}. The
    legend names each kernel with its share of what is attainable at its intensity.

    Raises ValueError for numbers that are not finite and greater than 0.

    Source: Williams, Waterman, Patterson, "Roofline: an insightful visual performance model" (2009).
    """
    named = {"peak": peak, "bandwidth": bandwidth}
    for name, (intensity, rate) in kernels.items():
        named |= {f"the intensity of {name!r}": intensity, f"the rate of {name!r}": rate}
    for name, value in named.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}, wanted a finite number greater than 0.")
    ridge = peak / bandwidth
    intensities, rates = zip((ridge, peak), *kernels.values(), strict=True)
    low, high = min(ridge / 10, min(intensities) / 4), max(ridge * 10, max(intensities) * 4)
    slowest, fastest = min(bandwidth * low, *rates), max(rates)

    from matplotlib.ticker import EngFormatter

    figure = canvas(7.2, 4.4)
    axes = figure.subplots()
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(slowest / 2, fastest * 4), title=title)
    axes.set(xlabel="arithmetic intensity (FLOP/byte)", ylabel="rate (FLOP/s)")
    axes.grid(alpha=0.3)
    axes.plot([low, ridge, high], [bandwidth * low, peak, peak], color="black", linewidth=1.8)
    axes.plot([ridge, ridge], [slowest / 2, peak], color="0.6", linewidth=0.8, linestyle="dashed")
    above = {"textcoords": "offset points", "fontsize": 9}
    axes.annotate(f"peak {EngFormatter('FLOP/s')(peak)}", (high, peak), (-4, 5), ha="right", va="bottom", **above)
    middle = math.sqrt(low * ridge)
    axes.annotate(
        f"memory {EngFormatter('B/s')(bandwidth)}",
        (middle, bandwidth * middle),
        (-4, 4),
        ha="center",
        va="bottom",
        rotation=45,
        rotation_mode="anchor",
        transform_rotates_text=True,
        **above,
    )
    for position, (name, (intensity, rate)) in enumerate(kernels.items()):
        share = rate / min(peak, bandwidth * intensity)
        marker = MARKERS[(position + position // len(COLOURS)) % len(MARKERS)]
        label, colour = f"{name}, {share:.0%}", COLOURS[position % len(COLOURS)]
        axes.plot(intensity, rate, marker, color=colour, markeredgecolor="black", markersize=8, label=label)
    if kernels:
        figure.legend(loc="outside right upper", frameon=False, title="of the attainable")
    return figure
