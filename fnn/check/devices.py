"""Several devices on a machine whose JAX would start with one processor: what is sharded needs them."""

import os

import jax


def ask_for_devices(count: int = 8) -> None:
    """Have JAX start with so many CPU devices, unless it has started or somebody else has said how many."""
    said = getattr(jax.config, "jax_num_cpu_devices", 0) >= 0
    if said or "host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    try:
        jax.config.update("jax_num_cpu_devices", count)
    except RuntimeError:  # JAX has started; the sharded check says that it needs more devices
        pass
