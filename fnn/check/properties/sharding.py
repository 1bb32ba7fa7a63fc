"""Sharded over many devices the result is that of one."""

import functools
from typing import Any

import jax
import numpy as np

from fnn.check.findings import Findings
from fnn.check.leaves import sentence_of
from fnn.check.report import Outcome
from fnn.check.resizing import resized, sizes_of
from fnn.check.subject import Pulled, Subject, pull


def sharding(subject: Subject) -> Outcome:
    """Compare the result on arguments sharded over all devices with the result on one.

    The axis that most arguments share is resized to the number of devices and cut along it.
    """
    found = Findings(subject, "sharding")
    count = jax.device_count()
    if count == 1:
        return found.not_run(
            "this process has one device; call jax.config.update('jax_num_cpu_devices', 8) before anything else of JAX"
        )
    if not subject.compiles:
        return found.not_run("the function cannot be traced")
    size = next(iter(sizes_of(subject)), 0)
    wide = resized(subject, {size: count}) if size else None
    if wide is None:
        return found.not_run(f"no axis of the arguments can be cut into {count}")
    mesh = jax.make_mesh((count,), ("devices",), axis_types=(jax.sharding.AxisType.Auto,))

    def place(array: np.ndarray) -> Any:
        axes = [axis for axis, length in enumerate(array.shape) if length == count]
        spec = jax.P(*[("devices" if axis == axes[0] else None) for axis in range(array.ndim)]) if axes else jax.P()
        return jax.device_put(array, jax.sharding.NamedSharding(mesh, spec))

    floats, dy = wide.base
    with wide.precision():
        placed = jax.tree.map(place, (tuple(floats), tuple(dy)))
    try:
        got = Pulled(*wide.run("sharded", functools.partial(pull, wide.real(wide.function)), *placed))
    except Exception as error:
        found.say("", f"sharded over {count} devices it raises {sentence_of(error)}")
        return found.outcome(f"{count} devices")
    found.pulled(got, wide.pull(floats, dy), f"sharded over {count} devices, wanted the same on one", wide)
    return found.outcome(f"{count} devices, an axis of {size} made {count}")
