"""The real sets: found, read, scaled, split, and refused when they are not what they should be."""

import hashlib
import sys

import numpy as np
import pytest

from fnn import data
from fnn.data import files, images
from fnn.data.idx import read_idx

TRAIN_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]

REAL = ("mnist", "fashion_mnist")
"""The sets that the fixture `real_folder` looks for."""


def test_digits():
    digits = data.digits()
    for part, size in zip(digits, (1437, 360), strict=True):
        assert part.x.shape == (size, 64) and part.x.dtype == np.float32
        assert part.y.shape == (size,) and part.y.dtype == np.int32
        assert np.array_equal(part.x * 16, np.round(part.x * 16))
        assert part.x.min() == 0 and part.x.max() == 1
        assert data.check_examples(part, classes=10) == size
    everything = np.bincount(np.concatenate([digits.train.y, digits.test.y]))
    assert everything.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert abs(np.bincount(digits.test.y) - everything * 360 / 1797).max() < 1
    again = data.digits()
    assert all(np.array_equal(a, b) for p, q in zip(digits, again, strict=True) for a, b in zip(p, q, strict=True))


def test_digits_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r'pip install "fnn\[experiments\]"'):
        data.digits()


def check_real(dataset, counts, first_labels, pixel_mean, pixel_deviation):
    for part, wanted in zip(dataset, counts, strict=True):
        assert part.x.shape == (sum(wanted), 784) and part.x.dtype == np.float32
        assert part.y.dtype == np.int32 and np.bincount(part.y).tolist() == wanted
        assert part.x.min() == 0 and part.x.max() == 1
    assert dataset.train.y[:5].tolist() == first_labels
    # The published moments have four decimals; float32 pixels are off by eps/2 of themselves.
    x = dataset.train.x
    assert abs(255 * x.mean(dtype=np.float64) - pixel_mean) < 6e-5
    assert (
        abs(255 * np.sqrt(np.mean(np.square(x), dtype=np.float64) - x.mean(dtype=np.float64) ** 2) - pixel_deviation)
        < 2e-4
    )


def test_real_mnist(real_folder):
    check_real(data.mnist(real_folder), (TRAIN_COUNTS, TEST_COUNTS), [5, 0, 4, 1, 9], 33.3184, 78.5675)


def test_real_fashion_mnist(real_folder, monkeypatch):
    monkeypatch.setenv("FNN_DATA", str(real_folder))
    check_real(data.fashion_mnist(), ([6000] * 10, [1000] * 10), [9, 0, 0, 3, 0], 72.9404, 90.0212)


@pytest.mark.parametrize("source", [images.MNIST, images.FASHION_MNIST], ids=lambda source: source.name)
def test_the_sizes_and_sums_are_those_of_the_real_files(real_folder, source):
    for file in source[2:]:
        content = (real_folder / source.name / file.name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size, file.sha256)


def test_the_other_set_under_the_same_file_names_is_refused(real_folder):
    with pytest.raises(ValueError, match="holds mnist, and fashion_mnist was wanted"):
        data.fashion_mnist(real_folder / "mnist")


NAMES = [file.name for file in images.MNIST[2:]]
TRAIN = np.arange(3 * 4, dtype=np.uint8).reshape(3, 2, 2) * 20
TEST = np.arange(2 * 4, dtype=np.uint8).reshape(2, 2, 2) * 36
ARRAYS = [TRAIN, np.array([9, 0, 4], np.uint8), TEST, np.array([1, 2], np.uint8)]


@pytest.fixture
def write_set(idx_bytes):
    """Return a function that writes a set of a few tiny images to a folder."""

    def write(folder, compress=True, **replaced):
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in zip(NAMES, ARRAYS, strict=True):
            array = replaced.get(name.split("-idx")[0].replace("-", "_"), array)
            (folder / (name if compress else name.removesuffix(".gz"))).write_bytes(idx_bytes(array, compress))
        return folder

    return write


def check_tiny(dataset):
    np.testing.assert_array_equal(dataset.train.x, TRAIN.reshape(3, 4).astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(dataset.test.x, TEST.reshape(2, 4).astype(np.float32) / np.float32(255))
    assert dataset.train.y.tolist() == [9, 0, 4] and dataset.test.y.tolist() == [1, 2]


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("subfolder", ["", "mnist"])
@pytest.mark.parametrize("by_environment", [True, False])
def test_a_folder_by_hand(tmp_path, monkeypatch, write_set, compress, subfolder, by_environment):
    write_set(tmp_path / subfolder, compress)
    if by_environment:
        monkeypatch.setenv("FNN_DATA", str(tmp_path))
        check_tiny(data.mnist())
    else:
        monkeypatch.setenv("FNN_DATA", "/a folder that must not be looked at")
        check_tiny(data.mnist(str(tmp_path)))


def test_the_subfolder_of_the_set_comes_first(tmp_path, write_set):
    write_set(tmp_path, t10k_labels=np.array([7, 7], np.uint8))
    write_set(tmp_path / "fashion_mnist")
    check_tiny(data.fashion_mnist(tmp_path))
    assert data.mnist(tmp_path).test.y.tolist() == [7, 7]


def test_missing_folders_and_files(tmp_path, monkeypatch, write_set):
    missing = tmp_path / "missing"
    with pytest.raises(FileNotFoundError, match=r"the folder .*missing does not exist; .*mnist"):
        data.mnist(missing)
    monkeypatch.setenv("FNN_DATA", str(missing))
    with pytest.raises(
        FileNotFoundError, match=r"the folder .*missing that the environment variable FNN_DATA names does not exist"
    ):
        data.fashion_mnist()
    write_set(tmp_path)
    (tmp_path / NAMES[2]).unlink()
    with pytest.raises(FileNotFoundError, match=f"{tmp_path} lacks {NAMES[2]}\\."):
        data.mnist(tmp_path)


@pytest.mark.parametrize(
    "replaced, message",
    [
        ({"train_labels": np.array([1, 2], np.uint8)}, r"train-images.* holds 3 images, and .*train-labels.* 2 labels"),
        (
            {"t10k_labels": np.array([1, 10], np.uint8)},
            r"t10k-labels.* wrong label: label 10 at index 1 .* from 0 to 9",
        ),
        ({"train_images": TRAIN[0]}, r"train-images.* holds uint8 of shape \(2, 2\); wanted uint8 with 3 dimensions"),
        ({"train_images": TRAIN.astype(np.float32)}, r"train-images.* holds float32 of shape \(3, 2, 2\)"),
        ({"t10k_labels": TEST}, r"t10k-labels.* holds uint8 of shape \(2, 2, 2\); wanted uint8 with 1 dimension"),
    ],
)
def test_files_that_do_not_belong_together(tmp_path, write_set, replaced, message):
    write_set(tmp_path, **replaced)
    with pytest.raises(ValueError, match=message):
        data.mnist(tmp_path)


def test_a_corrupt_file_is_named(tmp_path, write_set):
    write_set(tmp_path)
    path = tmp_path / NAMES[0]
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match=f"{path} is cut off"):
        data.mnist(tmp_path)


@pytest.mark.parametrize("load, source", [(data.mnist, "MNIST"), (data.fashion_mnist, "FASHION_MNIST")])
def test_downloaded_once(tmp_path, monkeypatch, server, write_set, load, source):
    published = write_set(tmp_path / "published")
    described = []
    for name in NAMES:
        content = (published / name).read_bytes()
        described.append(files.File(name, len(content), hashlib.sha256(content).hexdigest()))
        server.serve("/mirror/" + name, content)
    name = getattr(images, source).name
    monkeypatch.setattr(images, source, images.Source(name, server.url + "/mirror/", *described))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FNN_DATA", "")  # empty is not set

    server.serve("/mirror/" + NAMES[3], b"an error page")
    with pytest.raises(data.DownloadError, match=NAMES[3]):
        load()
    assert len(list((tmp_path / "cache" / "fnn" / name).iterdir())) == 3  # the good ones, and nothing of the bad one

    server.serve("/mirror/" + NAMES[3], (published / NAMES[3]).read_bytes())
    check_tiny(load())
    check_tiny(load())
    assert server.requests == ["/mirror/" + name for name in [*NAMES, NAMES[3]]]
    np.testing.assert_array_equal(read_idx(tmp_path / "cache" / "fnn" / name / NAMES[0]), TRAIN)


def test_the_default_cache_is_in_the_home_folder(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(files, "fetch", lambda url, path, **wanted: asked.append((url, path)) or path)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("FNN_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError):
        data.mnist()
    url = "https://storage.googleapis.com/cvdf-datasets/mnist/"
    assert asked == [(url + name, tmp_path / ".cache" / "fnn" / "mnist" / name) for name in NAMES]
