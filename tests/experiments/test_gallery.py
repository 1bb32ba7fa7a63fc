"""The README's index of the course: every experiment has its picture there, and the pictures are small."""

from pathlib import Path

from PIL import Image

from experiments.__main__ import found
from experiments.gallery import PICTURES, Gallery, index, shrink

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / Gallery().pictures


def test_every_experiment_of_the_course_is_in_the_index():
    assert {f"course.{name}" for name in PICTURES} == set(found("course", "course."))
    assert index(Gallery().pictures) in (ROOT / "README.md").read_text()


def test_the_pictures_are_there_and_small():
    files = {path.stem: path for path in FOLDER.glob("*.png")}
    assert set(files) == set(PICTURES)
    assert sum(path.stat().st_size for path in files.values()) < 600_000
    for path in files.values():
        with Image.open(path) as picture:
            assert 100 < picture.width <= Gallery().width


def test_a_picture_shrinks_to_its_width_and_keeps_its_shape(tmp_path):
    Image.radial_gradient("L").resize((800, 400)).save(tmp_path / "large.png")
    shrink(tmp_path / "large.png", tmp_path / "small.png", width=200, colours=16)
    with Image.open(tmp_path / "small.png") as small:
        assert small.size == (200, 100)
