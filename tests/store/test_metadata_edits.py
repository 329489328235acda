"""Metadata that are corrected after the import."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import ome_types
import pytest
import tifffile
from tests.workflow.test_analyse import discs

from napari_tmaps.errors import ExistsError, InputError, NotFoundError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.metadata_edits import MetadataEdits, doubts
from napari_tmaps.model.planes import Scan, make_planes
from napari_tmaps.model.progress import run
from napari_tmaps.store import metadata_edits
from napari_tmaps.store.catalogue import Catalogue
from napari_tmaps.store.edited_values import edited, interruption
from napari_tmaps.store.maps import open_map
from napari_tmaps.streams import atomic
from napari_tmaps.workflow import analyse, convert
from napari_tmaps.workflow.door import Experiment
from napari_tmaps.workflow.illuminati import IlluminatiArguments, PyramidBuilder
from napari_tmaps.workflow.imextract import ImageExtractor, ImextractArguments
from napari_tmaps.workflow.local import run_step
from napari_tmaps.workflow.lock import coordinating
from napari_tmaps.workflow.metaextract import (
    MetadataExtractor,
    MetaextractArguments,
    acquisition_omexml,
    read_omexml,
)

SIZE = 288  # two levels
WRONG = 25400.0  # an inch, as some programs write it


def a_scan(
    folder: Path, *, depth: int = 1, pixel_um: float | None = WRONG, z_um: float | None = None
) -> Scan:
    """Well B02 with two sites side by side: their centres lie 144 µm from each other."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for site in (1, 2):
        for channel in ("DAPI", "GFP"):
            for z in range(depth):
                name = f"{site}_{channel}_{z}.tif"
                image = np.full((SIZE, SIZE), 100 + 10 * site + z, np.uint16)
                image[100:120, 50:70] = 1000
                tifffile.imwrite(folder / name, image)
                rows.append({
                    "plate": "p", "well": "B02", "site": site, "channel": channel, "z": z,
                    "path": name, "missing": False, "height": SIZE, "width": SIZE,
                    "dtype": "uint16", "stage_y_um": 0.0, "stage_x_um": 144.0 * (site - 1),
                })  # fmt: skip
    return Scan(
        vendor="Test microscope",
        root=folder,
        planes=make_planes(**{key: [row[key] for row in rows] for key in rows[0]}),
        channels=(Channel("DAPI", exposure_ms=20.0), Channel("GFP")),
        pixel_size_um=None if pixel_um is None else (pixel_um, pixel_um),
        z_step_um=z_um,
        metadata={"objective": "20x"},
    )


def make(
    folder: Path, *, version: str = "0.5", in_place: bool = False, depth: int = 1
) -> Experiment:
    made = Experiment.create(folder / "screen.tmaps", ngff_version=version)
    made.add(a_scan(folder / "microscope", depth=depth))
    assert not run(convert(made, in_place=in_place, workers=1))
    return made


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Converted, analysed, with a map."""
    with make(tmp_path_factory.mktemp("made")) as experiment:
        assert not run(analyse(experiment, discs(), workers=1))
        assert not run(run_step(PyramidBuilder(experiment), IlluminatiArguments()))
        return experiment.path


@pytest.fixture
def made(made_once: Path, tmp_path: Path):
    with Experiment.open(shutil.copytree(made_once, tmp_path / "screen.tmaps")) as experiment:
        yield experiment


def as_others_see(path: Path) -> list[list[dict[str, Any]]]:
    """The transforms of each level, read by ome-zarr-py."""
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    node = next(iter(Reader(parse_url(str(path)))()))
    found: list[list[dict[str, Any]]] = node.metadata["coordinateTransformations"]
    return found


def site_path(experiment: Experiment, site: int) -> Path:
    return experiment.plate("p").image_path("B02", site)


def chunks(experiment: Experiment) -> dict[Path, int]:
    """When each file with pixels was written."""
    names = ("zarr.json", ".zarray", ".zattrs", ".zgroup")
    return {
        path: path.stat().st_mtime_ns
        for path in experiment.path.glob("plates/**/*")
        if path.is_file() and path.name not in names
    }


@pytest.mark.usefixtures("others_may_warn")
@pytest.mark.parametrize("version", ["0.5", "0.4"])
def test_the_pixel_size_is_right_wherever_it_is_read(tmp_path: Path, version: str):
    with make(tmp_path, version=version) as experiment:
        # With pixels of an inch, both sites lie in one place.
        assert experiment.sites("p", "B02")[["y", "x"]].to_numpy().tolist() == [[0, 0], [0, 0]]
        before = chunks(experiment)
        (note,) = experiment.info()["oddities"]
        assert note.startswith("1 sites share a place")
        assert experiment.edit_metadata(pixel_size_um=0.5) == []
        assert experiment.sites("p", "B02")[["y", "x"]].to_numpy().tolist() == [[0, 0], [0, 1]]
        assert experiment.info()["oddities"] == []
        # The centre of the first pixel of site 2: 144 - 287 / 2 × 0.5 = 72.25; one level up, half
        # a pixel further in.
        assert as_others_see(site_path(experiment, 2)) == [
            [
                {"type": "scale", "scale": [1, 1, 1, 0.5, 0.5]},
                {"type": "translation", "translation": [0, 0, 0, -71.75, 72.25]},
            ],
            [
                {"type": "scale", "scale": [1, 1, 1, 1, 1]},
                {"type": "translation", "translation": [0, 0, 0, -71.5, 72.5]},
            ],
        ]
        assert experiment.plate("p").info("B02", 1).version == version
        assert experiment.info()["pixel_size_um"] == [0.5, 0.5]
        documents = [text for _, text in read_omexml(experiment, "p", "acquisition01")]
        documents.append(acquisition_omexml(experiment, "p", "acquisition01"))
        assert len(documents) == 5
        for text in documents:
            pixels = ome_types.from_xml(text, validate=True).images[0].pixels
            assert (pixels.physical_size_x, pixels.physical_size_y) == (0.5, 0.5)
        assert chunks(experiment) == before
        assert not run(convert(experiment, workers=1))
        assert chunks(experiment) == before


def test_what_was_made_with_the_former_size_is_stale(made: Experiment):
    assert open_map(made, "p").built
    notes = made.edit_metadata(pixel_size_um=0.5)
    assert [note.partition(":")[0] for note in notes] == [
        "Measured with the former size, and marked stale",
        "Sites of plate 'p' lie elsewhere in its map",
    ]
    assert made.info()["stale"] == ["Discs"]
    assert open_map(made, "p").stale
    # Labels lie where their image lies.
    labels, image = (
        as_others_see(path)
        for path in (made.plate("p").labels_path("B02", 2, "Discs"), site_path(made, 2))
    )
    assert labels == image
    before = made.features.read("Discs")
    assert not run(analyse(made, discs(), workers=1))
    assert made.info()["stale"] == []
    assert len(made.features.read("Discs")) == len(before)
    made.edit_metadata(pixel_size_um=None)
    assert made.info()["stale"] == ["Discs"]


def test_a_map_whose_sites_stay_in_place_lives_on(tmp_path: Path):
    with Experiment.create(tmp_path / "screen.tmaps") as experiment:
        found = a_scan(tmp_path / "microscope", pixel_um=None)
        planes = found.planes.assign(stage_y_um=np.nan, stage_x_um=np.nan)
        experiment.add(Scan(**{**vars(found), "planes": planes}))
        assert not run(convert(experiment, workers=1))
        assert not run(run_step(PyramidBuilder(experiment), IlluminatiArguments()))
        before = open_map(experiment, "p").channel("DAPI")[1]
        pixels = before.read(0, 0, slice(None), slice(None))
        assert experiment.edit_metadata(pixel_size_um=0.5) == []
        now = open_map(experiment, "p")
        assert now.built
        assert now.stale_wells() == {}
        assert now.plan.pixel_size_um == (None, 0.5, 0.5)
        again = now.channel("DAPI")[1].read(0, 0, slice(None), slice(None))
        np.testing.assert_array_equal(again, pixels)
        (image,) = (experiment.path / "maps" / "p").glob("*.ome.zarr")
        # Its first level is half as fine as the sites.
        assert as_others_see(image)[0][0]["scale"] == [1, 1, 1, 1, 1]


def test_going_back_to_what_is_recorded(made: Experiment):
    path = site_path(made, 2) / "zarr.json"
    before = path.read_bytes()
    made.edit_metadata(pixel_size_um=0.5, objective="40x")
    (size, objective) = edited(made)
    assert (size["of"], size["recorded"], size["edited"]) == (
        "p acquisition01",
        [WRONG, WRONG],
        [0.5, 0.5],
    )
    assert (objective["recorded"], objective["edited"]) == ("20x", "40x")
    assert "40x" in acquisition_omexml(made, "p", "acquisition01")
    made.edit_metadata(pixel_size_um=(WRONG, WRONG), sure=True)  # the same by its value
    made.edit_metadata(objective=None)
    assert edited(made) == []
    assert path.read_bytes() == before
    assert made.sites("p", "B02")["x"].tolist() == [0, 0]
    trail = json.loads((made.path / "metadata" / "edits.json").read_text("utf-8"))["edits"]
    assert [(row["field"], row["old"], row["new"]) for row in trail] == [
        ("pixel_size_um", [WRONG, WRONG], [0.5, 0.5]),
        ("objective", "20x", "40x"),
        ("pixel_size_um", [0.5, 0.5], None),
        ("objective", "40x", None),
    ]
    assert all(row["who"] and row["when"] for row in trail)


def test_nothing_undoes_an_edit(made: Experiment, made_once: Path):
    made.edit_metadata(pixel_size_um=0.5, channels={"GFP": {"exposure_ms": 80}})
    folder = made_once.parent / "microscope"
    made.add(a_scan(folder), acquisition="acquisition01", update=True)
    before = chunks(made)
    assert not run(convert(made, workers=1))
    assert made.info()["pixel_size_um"] == [0.5, 0.5]
    assert [channel.exposure_ms for channel in made.channels()] == [20, 80]
    assert made.plate("p").info("B02", 2).pixel_size_um == (None, 0.5, 0.5)
    assert chunks(made) == before


def test_a_channel(made: Experiment):
    assert (
        made.edit_metadata(
            channels={
                "GFP": {
                    "fluorophore": "EGFP",
                    "excitation_nm": 488,
                    "emission_nm": 510,
                    "color": "#123456",
                },
                "DAPI": {"exposure_ms": 25},
            }
        )
        == []
    )
    info = made.plate("p").info("B02", 1)
    assert info.channels == (
        Channel("DAPI", color="#0080FF", exposure_ms=25),
        Channel("GFP", color="#123456", excitation_nm=488, emission_nm=510, fluorophore="EGFP"),
    )
    channels = ome_types.from_xml(acquisition_omexml(made, "p", "acquisition01")).images[0]
    assert channels.pixels.channels[1].excitation_wavelength == 488
    assert channels.pixels.channels[1].emission_wavelength == 510
    assert [channel.fluor for channel in channels.pixels.channels] == [None, "EGFP"]
    assert {plane.exposure_time for plane in channels.pixels.planes if plane.the_c == 0} == {25}
    # What was measured does not depend on it, nor does the map.
    assert made.info()["stale"] == []
    assert open_map(made, "p").stale_wells() == {}
    made.rename_channel("GFP", "Ki-67")
    assert made.channels()[1].excitation_nm == 488
    made.edit_metadata(channels={"Ki-67": {"excitation_nm": None}})
    assert made.channels()[1].excitation_nm is None
    assert made.channels()[1].fluorophore == "EGFP"
    assert [row["of"] for row in edited(made)] == ["Ki-67", "Ki-67", "Ki-67", "DAPI"]


def test_stacks(tmp_path: Path):
    with make(tmp_path, depth=3) as experiment:
        experiment.edit_metadata(pixel_size_um=0.5, z_step_um=2.5)
        assert experiment.plate("p").info("B02", 1).pixel_size_um == (2.5, 0.5, 0.5)
        assert as_others_see(site_path(experiment, 1))[1][0]["scale"] == [1, 1, 2.5, 1, 1]
        assert experiment.info()["z_step_um"] == 2.5


def test_read_in_place(tmp_path: Path):
    with make(tmp_path, in_place=True) as experiment:
        assert not run(analyse(experiment, discs(), workers=1))
        experiment.edit_metadata(pixel_size_um=0.5)
        image = experiment.site_image("p", "B02", 2)
        assert image.pixel_size_um == (None, 0.5, 0.5)
        assert image.translation_um == (0, -71.75, 72.25)
        image.close()
        labels = as_others_see(experiment.plate("p").labels_path("B02", 2, "Discs"))
        assert labels[0][0]["scale"] == [1, 1, 1, 0.5, 0.5]
        assert labels[0][1]["translation"] == [0, 0, 0, -71.75, 72.25]
        assert experiment.info()["stale"] == ["Discs"]


@pytest.fixture
def rounds(tmp_path: Path):
    with Experiment.create(tmp_path / "r.tmaps", workflow_type="multiplexing") as experiment:
        for number in range(2):
            found = a_scan(tmp_path / f"round{number}", depth=1 + 2 * number)
            experiment.add(found, acquisition=f"round{number}")
        assert not run(convert(experiment, workers=1))
        yield experiment


def test_cycles_of_a_plate_have_one_size(rounds: Experiment):
    with pytest.raises(InputError, match=r"0\.5 × 0\.5 µm in 'round0', but 25400 .* 'round1'"):
        rounds.edit_metadata(acquisition="round0", pixel_size_um=0.5)
    assert edited(rounds) == []
    rounds.edit_metadata(plate="p", pixel_size_um=0.5, z_step_um=2)
    for cycle, z in ((0, None), (1, 2)):  # a single plane has no step
        assert rounds.plate("p").info("B02", 2, cycle).pixel_size_um == (z, 0.5, 0.5)
    with pytest.raises(InputError, match="correct it for the whole plate"):
        rounds.edit_metadata(acquisition="round1", pixel_size_um=None)
    rounds.edit_metadata(channels={"1_GFP": {"exposure_ms": 5}})
    assert [channel.exposure_ms for channel in rounds.channels()] == [20, None, 20, 5]
    exposures = [
        {row.exposure_time for row in planes if row.the_c == 1}
        for name in ("round0", "round1")
        for planes in [
            ome_types.from_xml(acquisition_omexml(rounds, "p", name)).images[0].pixels.planes
        ]
    ]
    assert exposures == [{None}, {5}]
    rounds.edit_metadata(pixel_size_um=None, z_step_um=None)
    assert [row["field"] for row in edited(rounds)] == ["exposure_ms"]


@pytest.mark.parametrize(
    ("values", "kind", "text"),
    [
        ({"pixel_size_um": 650}, InputError, r"650 µm is not between .* 0\.65 µm is meant\?"),
        ({"pixel_size_um": 0}, InputError, "0 is no pixel size; give one number greater than 0"),
        ({"pixel_size_um": "wide"}, InputError, "'wide' is no pixel size"),
        ({"pixel_size_um": float("nan")}, InputError, "nan is no pixel size"),
        ({"pixel_size_um": (0.5, 1.5)}, InputError, "is no square"),
        ({"z_step_um": 2}, InputError, "a single z plane has no z step"),
        ({"z_step_um": -2}, InputError, r"-2 is no z step; give a number greater than 0 \(in µm\)"),
        ({"plate": "q", "pixel_size_um": 1}, NotFoundError, "no plate 'q'"),
        ({"acquisition": "x", "objective": "4x"}, NotFoundError, "no acquisition 'x'"),
        ({"channels": {"Cy5": {"color": "#000000"}}}, NotFoundError, "no channel 'Cy5'"),
        ({"channels": {"GFP": {"color": "green"}}}, InputError, "Channel 'GFP': 'green' is no col"),
        ({"channels": {"GFP": {"exposure_ms": 0}}}, InputError, "Channel 'GFP': 0 is no exposure"),
        (
            {"channels": {"GFP": {"fluorophore": " "}}},
            InputError,
            "' ' is no fluorophore; give a text",
        ),
        ({"channels": {"GFP": {"gain": 2}}}, InputError, "Channel 'GFP': 'gain' cannot be correc"),
        (
            {"channels": {"GFP": {"excitation_nm": 520, "emission_nm": 500}}},
            InputError,
            "not of a longer wave",
        ),
    ],
)
def test_values_that_are_refused(made: Experiment, values, kind, text):
    with pytest.raises(kind, match=text):
        made.edit_metadata(**values)
    assert edited(made) == []
    assert made.catalogue.former_overlay() is None


def test_doubtful_values_need_a_yes(made: Experiment):
    edits = MetadataEdits.of(pixel_size_um=650, magnification=1000)
    assert [doubt.field for doubt in doubts(edits)] == ["pixel_size_um", "magnification"]
    made.edit_metadata(edits, sure=True)
    assert made.info()["pixel_size_um"] == [650, 650]


def test_refused_while_something_is_at_work(made: Experiment):
    with (
        coordinating(made.path, "a workflow"),
        pytest.raises(ExistsError, match="is being worked on"),
    ):
        made.edit_metadata(pixel_size_um=0.5)
    assert edited(made) == []


def test_before_there_is_a_layout(tmp_path: Path):
    with Experiment.create(tmp_path / "screen.tmaps") as experiment:
        experiment.add(a_scan(tmp_path / "microscope"))
        experiment.edit_metadata(pixel_size_um=0.5)
        with pytest.raises(NotFoundError, match="no layout yet"):
            experiment.edit_metadata(channels={"GFP": {"exposure_ms": 1}})
        assert not run(convert(experiment, workers=1))
        assert experiment.plate("p").info("B02", 2).pixel_size_um == (None, 0.5, 0.5)


def test_a_removed_acquisition_takes_its_edits_along(tmp_path: Path):
    with Experiment.create(tmp_path / "screen.tmaps") as experiment:
        found = a_scan(tmp_path / "microscope")
        experiment.add(found)
        experiment.edit_metadata(pixel_size_um=0.5)
        experiment.remove_acquisition("p", "acquisition01")
        experiment.add(found)  # the number is used again
        assert experiment.info()["pixel_size_um"] == [WRONG, WRONG]
        assert edited(experiment) == []


class Killed(BaseException):
    """The process ends here."""


@contextmanager
def killed_at(number: int, monkeypatch: pytest.MonkeyPatch):
    """Ends the process before the n-th change on disk; yields how many there were."""
    seen = [0]

    def counted(change):
        def do(*args, **options):
            seen[0] += 1
            if seen[0] == number:
                raise Killed
            return change(*args, **options)

        return do

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "replace", counted(os.replace))
        patch.setattr(metadata_edits, "remove", counted(atomic.remove))
        for name in ("correct_metadata", "replace_sources", "mark_stale", "set_carried_out"):
            owner = next(c for c in Catalogue.__mro__ if name in vars(c))
            patch.setattr(owner, name, counted(vars(owner)[name]))
        yield seen


def everything(path: Path) -> dict[str, bytes]:
    """Files of plates, map and metadata but the trail, which has times."""
    return {
        str(file.relative_to(path)): file.read_bytes()
        for room in ("plates", "maps", "metadata")
        for file in sorted((path / room).rglob("*"))
        if file.is_file() and file.name != "edits.json"
    }


EDITS = MetadataEdits.of(pixel_size_um=0.5, channels={"GFP": {"exposure_ms": 5}})


@pytest.fixture(scope="module")
def undisturbed(
    made_once: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """All files before and after the edits."""
    path = Path(shutil.copytree(made_once, tmp_path_factory.mktemp("whole") / "screen.tmaps"))
    with Experiment.open(path) as experiment:
        old = everything(path)
        experiment.edit_metadata(EDITS)
        return old, everything(path)


@pytest.mark.parametrize("first", range(1, 5))
def test_killed_at_any_point_it_is_the_old_or_the_new(
    made_once: Path,
    undisturbed: tuple[dict[str, bytes], dict[str, bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    first: int,
):
    """At every fourth change on disk, from the first, second … on."""
    old, new = undisturbed
    assert old != new
    interrupted = 0
    for number in count(first, 4):
        path = Path(shutil.copytree(made_once, tmp_path / f"{number}.tmaps"))
        with Experiment.open(path) as experiment:
            with killed_at(number, monkeypatch) as seen, suppress(Killed):
                experiment.edit_metadata(EDITS)
            if seen[0] < number:
                break
            # Each file is whole, and says the one or the other.
            for name, content in everything(path).items():
                assert content in (old.get(name), new.get(name)), name
            took = bool(edited(experiment))
            if interruption(experiment):
                interrupted += 1
                assert took
                assert "is not carried out yet" in " ".join(experiment.info()["oddities"])
            with coordinating(path, "the next step"):
                pass
            assert not interruption(experiment)
            assert not run(run_step(MetadataExtractor(experiment), MetaextractArguments()))
            assert not list(ImageExtractor(experiment).create_run_batches(ImextractArguments()))
            assert everything(path) == (new if took else old)
            assert experiment.info()["stale"] == (["Discs"] if took else [])
        shutil.rmtree(path)
    assert interrupted >= 2


def test_a_round_that_comes_later_with_another_size_is_told(rounds: Experiment, tmp_path: Path):
    rounds.edit_metadata(pixel_size_um=0.5)
    rounds.add(a_scan(tmp_path / "later"), acquisition="later")
    assert told(rounds) == [
        "The pixel size of plate 'p' is 0.5 × 0.5 µm in 'round0', but 25400 × 25400 µm in 'later'."
    ]
    rounds.edit_metadata(plate="p", pixel_size_um=0.5)
    assert told(rounds) == []


def told(experiment: Experiment) -> list[str]:
    """What is said of sizes."""
    notes = experiment.info()["oddities"]
    return [note.partition(" They")[0] for note in notes if " size of plate" in note]
