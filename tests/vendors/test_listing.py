from __future__ import annotations

import os
import sys

import pytest

from napari_tmaps.errors import NotFoundError
from napari_tmaps.vendors.listing import (
    examples,
    list_files,
    natural_sort,
    suffix,
    unused_images,
)


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_names_are_relative_and_sorted_as_people_count(tmp_path):
    touch(tmp_path, "b/f10.tif", "b/f2.tif", "B/F1.tif", "a.txt", "ä ö/ü.tif")
    listing = list_files(tmp_path)
    assert listing.root == tmp_path
    assert listing.names == ("a.txt", "B/F1.tif", "b/f2.tif", "b/f10.tif", "ä ö/ü.tif")
    assert listing.oddities == ()
    assert listing.images() == ["B/F1.tif", "b/f2.tif", "b/f10.tif", "ä ö/ü.tif"]
    assert listing.ending(".txt") == ["a.txt"]
    assert listing.describe() == "4 .tif, 1 .txt"


def test_what_operating_systems_leave_is_left_out(tmp_path):
    touch(tmp_path, ".hidden.tif", "._a.tif", "Thumbs.db", ".git/x", "@eaDir/a.tif", "a.tif")
    assert list_files(tmp_path).names == ("a.tif",)


def test_zarr_folder_is_one_image(tmp_path):
    touch(tmp_path, "plate.ome.zarr/0/0/0", "x.tif")
    assert list_files(tmp_path).names == ("plate.ome.zarr", "x.tif")
    assert list_files(tmp_path / "plate.ome.zarr").names == ("plate.ome.zarr",)


def test_file_is_listed_alone(tmp_path):
    touch(tmp_path, "a.tif", "b.tif")
    listing = list_files(tmp_path / "b.tif")
    assert (listing.root, listing.names) == (tmp_path, ("b.tif",))


def test_relative_path(tmp_path, monkeypatch):
    touch(tmp_path, "plate/a.tif")
    monkeypatch.chdir(tmp_path)
    listing = list_files(type(tmp_path)("plate"))
    assert (listing.root, listing.names) == (tmp_path / "plate", ("a.tif",))


def test_empty_and_absent(tmp_path):
    assert list_files(tmp_path).describe() == "no files at all"
    with pytest.raises(NotFoundError, match="no file or folder"):
        list_files(tmp_path / "nothing")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_links_are_followed_once(tmp_path):
    touch(tmp_path, "plate/z/a.tif", "elsewhere/b.tif")
    (tmp_path / "plate" / "z" / "up").symlink_to(tmp_path / "plate")
    (tmp_path / "plate" / "a_link").symlink_to(tmp_path / "plate" / "z")
    (tmp_path / "plate" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "plate" / "file.tif").symlink_to(tmp_path / "elsewhere" / "b.tif")
    (tmp_path / "plate" / "nowhere.tif").symlink_to(tmp_path / "nothing")
    listing = list_files(tmp_path / "plate")
    assert listing.names == ("file.tif", "linked/b.tif", "z/a.tif")
    assert sorted(oddity.kind for oddity in listing.oddities) == [
        "ignored",
        "ignored",
        "unreadable",
    ]
    assert "'nowhere.tif' is a link that leads nowhere." in map(str, listing.oddities)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_name_that_is_no_text(tmp_path):
    (tmp_path / "a.tif").touch()
    open(os.fsencode(tmp_path) + b"/\xff.tif", "w").close()
    listing = list_files(tmp_path)
    assert listing.names == ("a.tif",)
    assert "\\xff.tif" in str(listing.oddities[0])


def test_folder_that_cannot_be_read(tmp_path, monkeypatch):
    touch(tmp_path, "locked/a.tif", "open/b.tif")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    listing = list_files(tmp_path)
    assert listing.names == ("open/b.tif",)
    assert str(listing.oddities[0]) == "Folder 'locked' cannot be read: Permission denied."
    with pytest.raises(OSError, match="cannot be read"):
        list_files(tmp_path / "locked")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param(["a10", "a9"], ["a9", "a10"], id="numbers"),
        pytest.param(["10", "a", "9"], ["9", "10", "a"], id="number-first"),
        pytest.param(["a1", "A1", "a01"], ["A1", "a01", "a1"], id="ties-are-stable"),
    ],
)
def test_natural_sort(names, expected):
    assert natural_sort(names) == expected
    assert natural_sort(reversed(names)) == expected


def test_unused_images_are_told_by_reason(tmp_path):
    touch(tmp_path, *(f"x{n}.tif" for n in range(5)), "dark.tif", "used.tif", "notes.txt")
    listing = list_files(tmp_path)
    oddities = unused_images(listing, ["used.tif"], {"a dark image": ["dark.tif"]}, "no idea")
    assert [str(oddity) for oddity in oddities] == [
        "1 image ('dark.tif') left out: a dark image.",
        "5 images ('x0.tif', 'x1.tif', 'x2.tif' …) left out: no idea.",
    ]


def test_examples():
    assert examples(["a"], "well") == "1 well ('a')"
    assert examples(list("abcd")) == "4 files ('a', 'b', 'c' …)"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("a/b.ome.TIF", ".tif", id="last"),
        pytest.param("a.b/c", "", id="folder"),
        pytest.param("a/.hidden", "", id="hidden"),
        pytest.param(".x.csv", ".csv", id="hidden-with-suffix"),
        pytest.param("a.", ".", id="dot"),
    ],
)
def test_suffix(name, expected):
    assert suffix(name) == expected == os.path.splitext(name)[1].lower()
