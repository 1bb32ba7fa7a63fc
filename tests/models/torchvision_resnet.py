"""A ResNet as torchvision has it, without fnn: its names and shapes, values for them, and its forward by torch."""

import math
from typing import Any

import numpy as np


def tensors(
    blocks: tuple[int, ...], bottleneck: bool, width: int, classes: int, dtype: Any = np.float64
) -> dict[str, np.ndarray]:
    """Return arrays with torchvision's names and shapes, with cosines for values."""
    shapes: dict[str, tuple[int, ...]] = {}

    def norm(name, features):
        shapes.update({f"{name}.{part}": (features,) for part in ("weight", "bias", "running_mean", "running_var")})
        shapes[f"{name}.num_batches_tracked"] = ()

    shapes["conv1.weight"] = (width, 3, 7, 7)
    norm("bn1", width)
    inputs = width
    for stage, count in enumerate(blocks):
        features = width * 2**stage
        outputs = features * (4 if bottleneck else 1)
        windows = (1, 3, 1) if bottleneck else (3, 3)
        sizes = (features, features, outputs) if bottleneck else (features, outputs)
        for block in range(count):
            name, last = f"layer{stage + 1}.{block}", inputs
            for number, (window, size) in enumerate(zip(windows, sizes, strict=True), 1):
                shapes[f"{name}.conv{number}.weight"] = (size, last, window, window)
                norm(f"{name}.bn{number}", size)
                last = size
            if inputs != outputs or (stage > 0 and block == 0):
                shapes[f"{name}.downsample.0.weight"] = (outputs, inputs, 1, 1)
                norm(f"{name}.downsample.1", outputs)
            inputs = outputs
    shapes["fc.weight"], shapes["fc.bias"] = (classes, inputs), (classes,)
    return {name: _values(name, shape, number, dtype) for number, (name, shape) in enumerate(shapes.items())}


def _values(name: str, shape: tuple[int, ...], number: int, dtype: Any) -> np.ndarray:
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    values = np.cos(1.7 * np.arange(math.prod(shape)) + number).reshape(shape)
    if name.endswith("running_var"):
        values = 1 + values / 2
    elif len(shape) > 1:
        values = values * math.sqrt(4 / math.prod(shape[1:]))
    elif name.endswith(".weight"):
        values = 1 + values / 4
    return values.astype(dtype)


def images(count: int, size: int, dtype: Any = np.float64) -> np.ndarray:
    """Return images (count, size, size, 3) of cosines."""
    shape = (count, size, size, 3)
    return np.cos(2.3 * np.arange(math.prod(shape)) + 0.3).reshape(shape).astype(dtype)


def logits(torch: Any, named: dict[str, np.ndarray], x: np.ndarray, *, train: bool = False) -> np.ndarray:
    """Return the logits of images (batch, height, width, 3) as torch computes them from the named arrays."""
    functional, held = torch.nn.functional, {name: torch.from_numpy(array.copy()) for name, array in named.items()}

    def conv(name, x, stride=1):
        weight = held[f"{name}.weight"]
        return functional.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)

    def norm(name, x):
        mean, variance, scale, offset = (
            held[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return functional.batch_norm(x, mean, variance, scale, offset, training=train)

    def block(name, x, stride):
        bottleneck, y = f"{name}.conv3.weight" in held, x
        for number in (1, 2, 3) if bottleneck else (1, 2):
            y = torch.relu(y) if number > 1 else y
            y = norm(f"{name}.bn{number}", conv(f"{name}.conv{number}", y, stride if number == 1 + bottleneck else 1))
        if f"{name}.downsample.0.weight" in held:
            x = norm(f"{name}.downsample.1", conv(f"{name}.downsample.0", x, stride))
        return torch.relu(y + x)

    y = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
    y = functional.max_pool2d(torch.relu(norm("bn1", conv("conv1", y, 2))), 3, 2, 1)
    for name in dict.fromkeys(name.rsplit(".", 2)[0] for name in named if ".conv1." in name):
        stage, position = name.removeprefix("layer").split(".")
        y = block(name, y, 2 if stage != "1" and position == "0" else 1)
    return functional.linear(y.mean((2, 3)), held["fc.weight"], held["fc.bias"]).numpy()
