"""Eight devices where JAX has not started; none asked for where it has."""

import subprocess
import sys

import jax


def devices(*lines: str) -> str:
    program = "\n".join(
        ["import jax", "from fnn.check.devices import ask_for_devices", *lines, "print(jax.device_count())"]
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_asked_before_jax_starts_there_are_eight():
    if jax.default_backend() == "cpu":
        assert devices("ask_for_devices()") == "8"


def test_asked_too_late_or_after_somebody_else_nothing_changes():
    if jax.default_backend() == "cpu":
        assert devices("jax.devices()", "ask_for_devices()") == "1"
        assert devices("jax.config.update('jax_num_cpu_devices', 2)", "ask_for_devices()") == "2"
