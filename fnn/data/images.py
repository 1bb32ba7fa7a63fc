"""Real images of ten classes: scikit-learn's digits, MNIST and Fashion-MNIST.

All of them are rows of pixels in [0, 1], ready for a dense layer. A convolution wants images, which cost nothing:

    x.reshape(-1, 8, 8, 1)      # digits, NHWC
    x.reshape(-1, 28, 28, 1)    # MNIST and Fashion-MNIST
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fnn.data.examples import Dataset, Examples, check_labels
from fnn.data.files import File, Folder, find
from fnn.data.idx import read_idx
from fnn.data.prepare import train_test_split


def digits() -> Dataset:
    """Return the 8x8 handwritten digits that come with scikit-learn: no download.

    x float32 (1437 or 360, 64) in [0, 1], a multiple of 1/16; y int32. The split is the same at every call and
    holds each class in its share (about 144 and 36 of each).

    Source: Alpaydin, Kaynak, "Optical recognition of handwritten digits", UCI repository (1998), its test part.
    Raises ImportError, naming the extra to install, without scikit-learn.

    >>> digits().train.x.shape
    (1437, 64)
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            'data.digits() comes with scikit-learn, which is not installed: pip install "fnn[experiments]".'
        ) from error
    x, y = load_digits(return_X_y=True)
    examples = Examples((x / 16).astype(np.float32), y.astype(np.int32))
    return train_test_split(examples, 0.2, seed=0, stratify=True)


def mnist(folder: Folder | None = None) -> Dataset:
    """Return MNIST: x float32 (60000 or 10000, 784) in [0, 1], 0 is background; y int32 (60000 or 10000,).

    The four idx files, compressed or not, are looked for in `folder`; without it, in the folder that the environment
    variable FNN_DATA names; in each, first in its subfolder mnist/. Without either they are downloaded, once, to
    fnn/mnist/ in the user's cache (XDG_CACHE_HOME, or ~/.cache).

    Source: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition" (1998).
    Raises FileNotFoundError for a folder that is missing or lacks a file, ValueError naming a file that is corrupt
    or holds something else, and DownloadError.
    """
    return _read(MNIST, folder)


def fashion_mnist(folder: Folder | None = None) -> Dataset:
    """Return Fashion-MNIST: x float32 (60000 or 10000, 784) in [0, 1]; y int32 (60000 or 10000,).

    Classes 0 to 9: T-shirt/top, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot. The files
    have the names of MNIST's and are looked for in the same way as by `mnist`, with the subfolder fashion_mnist/.

    Source: Xiao, Rasul, Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
    algorithms" (2017), arXiv:1708.07747.
    Raises FileNotFoundError for a folder that is missing or lacks a file, ValueError naming a file that is corrupt
    or holds something else, and DownloadError.
    """
    return _read(FASHION_MNIST, folder)


class Source(NamedTuple):
    """A set in MNIST's format: its subfolder, where it can be downloaded, and its four files."""

    name: str
    mirror: str
    train_images: File
    train_labels: File
    test_images: File
    test_labels: File


MNIST = Source(
    "mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    File("train-images-idx3-ubyte.gz", 9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
    File("train-labels-idx1-ubyte.gz", 28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
    File("t10k-images-idx3-ubyte.gz", 1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
    File("t10k-labels-idx1-ubyte.gz", 4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
)

# This mirror, the authors' own, answers plain http alone: the sums make up for it.
FASHION_MNIST = Source(
    "fashion_mnist",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    File("train-images-idx3-ubyte.gz", 26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
    File("train-labels-idx1-ubyte.gz", 29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
    File("t10k-images-idx3-ubyte.gz", 4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
    File("t10k-labels-idx1-ubyte.gz", 5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
)


def _read(source: Source, folder: Folder | None) -> Dataset:
    """Find the four files, check that they belong together, and return them as examples."""
    paths = find(source.name, source.mirror, source[2:], folder)
    _refuse_another_set(source, paths[-1])
    train_images, train_labels, test_images, test_labels = paths
    return Dataset(_examples(train_images, train_labels), _examples(test_images, test_labels))


def _refuse_another_set(source: Source, labels: Path) -> None:
    """MNIST and Fashion-MNIST name their files alike: a folder that holds the other must not pass for this one."""
    digest = hashlib.sha256(labels.read_bytes()).hexdigest()
    for other in (MNIST, FASHION_MNIST):
        if other.name != source.name and other.test_labels.sha256 == digest:
            raise ValueError(
                f"{labels.parent} holds {other.name}, and {source.name} was wanted: the files have the same names."
            )


def _examples(images_path: Path, labels_path: Path) -> Examples:
    images, labels = read_idx(images_path), read_idx(labels_path)
    for path, array, axes in ((images_path, images, 3), (labels_path, labels, 1)):
        if array.dtype != np.uint8 or array.ndim != axes:
            raise ValueError(f"{path} holds {array.dtype} of shape {array.shape}; wanted uint8 with {axes} dimensions.")
    if len(images) != len(labels):
        raise ValueError(f"{images_path} holds {len(images)} images, and {labels_path} {len(labels)} labels.")
    try:
        check_labels(labels, classes=10)
    except ValueError as error:
        raise ValueError(f"{labels_path} holds a wrong label: {error}") from error
    x = np.divide(images, np.float32(255), dtype=np.float32)
    return Examples(x.reshape(len(images), -1), labels.astype(np.int32))
