"""The map in the viewer: from its files, with frames, hatching, values, and what lies where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from napari.components import ViewerModel
from tests.gui.plate import PIPELINE, make_experiment
from tests.workflow.rounds import make_experiment as make_rounds

from napari_tmaps.gui.desk import ObjectColours
from napari_tmaps.gui.facts import read_facts
from napari_tmaps.gui.map_colours import ObjectPlaces, ObjectValues, ValuePlanes
from napari_tmaps.gui.map_marks import EXCLUDED, MISSING, SITE, WELL, Marks
from napari_tmaps.gui.map_planes import MapPlanes, SideBySide
from napari_tmaps.gui.map_values import COUNT, Measure, measures, well_values
from napari_tmaps.gui.plate_view import PlateView
from napari_tmaps.gui.state import Choice, Pixels, View, resolve
from napari_tmaps.gui.well_colours import colours, limits
from napari_tmaps.gui.zarr_source import experiment_source
from napari_tmaps.model.arrange import Tiles
from napari_tmaps.model.progress import run
from napari_tmaps.pipeline import load_pipeline
from napari_tmaps.store.exclusions import change
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.features import INDEX
from napari_tmaps.store.maps import MapLevel, open_map
from napari_tmaps.vendors import scan
from napari_tmaps.workflow import analyse, convert
from napari_tmaps.workflow.align import AlignArguments, ImageRegistrator
from napari_tmaps.workflow.illuminati import IlluminatiArguments, PyramidBuilder
from napari_tmaps.workflow.local import run_step


def levels(picture: np.ndarray, count: int = 2) -> list[MapLevel]:
    def level(number: int) -> MapLevel:
        pixels = picture[:: 2**number, :: 2**number]
        shape = (1, 1, *pixels.shape)
        return MapLevel(2**number, shape, pixels.dtype, (512, 512), lambda t, z, y, x: pixels[y, x])

    return [level(number) for number in range(count)]


def test_a_part_that_cannot_be_read_is_told_once_and_left_empty() -> None:
    def broken(t: int, z: int, y: slice, x: slice) -> np.ndarray:
        raise OSError("disk gone")

    told: list[str] = []
    level = MapLevel(1, (1, 1, 600, 600), np.dtype(np.uint16), (512, 512), broken)
    assert not MapPlanes([level], told.append).plane(0, 0, 0, range(600), range(600)).any()
    assert told == ["A part of the map cannot be read: disk gone"]


def test_plates_side_by_side() -> None:
    left = MapPlanes(levels(np.full((20, 30), 1, np.uint16)), pytest.fail)
    right = MapPlanes(levels(np.full((10, 12), 2, np.uint16)), pytest.fail)
    both = SideBySide([left, None, right], [0, 32, 40], (20, 52))
    assert both.shapes == [(1, 1, 20, 52), (1, 1, 10, 26)]
    row = both.plane(0, 0, 0, range(5, 6), range(28, 45))[0]
    assert row.tolist() == [1, 1] + [0] * 10 + [2] * 5
    assert both.plane(1, 0, 0, range(10), range(26))[0].tolist() == [1] * 15 + [0] * 5 + [2] * 6
    # The smaller plate is empty below its end, and further time points are empty, too.
    assert not both.plane(0, 0, 0, range(12, 20), range(40, 52)).any()
    assert not both.plane(0, 1, 0, range(20), range(52)).any()


def test_marks() -> None:
    at = np.array([0, 0, 100, 100]), np.array([0, 64, 0, 64])
    size = np.full(4, 64)
    tiles = Tiles(np.arange(4), *at, size, size)
    marks = Marks(tiles, np.array(["A1", "A1", "B1", "B1"]), {1: MISSING, 2: EXCLUDED})
    whole = marks.plane(0, 0, 0, range(164), range(128))
    assert (whole[:2] == WELL).all()
    assert (whole[162:] == WELL).all()
    assert (whole[2:62, 63] == SITE).all()
    assert not whole[64:100].any()
    assert not whole[2:62, 2:62].any()
    assert not whole[102:162, 66:126].any()
    missing, out = (whole[2:60, 66:124] == MISSING), (whole[102:160, 2:60] == EXCLUDED)
    # Lines one way, and both ways.
    assert 0.05 < missing.mean() < 0.08 < out.mean() < 0.14
    # Any part is a part of the whole: napari draws block by block.
    part = marks.plane(0, 0, 0, range(30, 131), range(7, 100))
    np.testing.assert_array_equal(part, whole[30:131, 7:100])


def test_values_of_objects() -> None:
    stride = 8
    numbers = np.array([[0, 1, 1], [8 + 3, 8 + 3, 8 + 5], [16 + 7, 0, 2]], np.int32)
    index = pd.MultiIndex.from_tuples(
        [
            ("p", "A01", 1, 0, 1),
            ("p", "A01", 2, 0, 3),
            ("p", "A01", 9, 0, 1),
            ("q", "A01", 1, 0, 1),
            ("p", "A01", 2, 1, 3),
            ("p", "A01", 3, 1, 7),
        ],
        names=INDEX,
    )
    table = pd.Series([0.5, 7.0, 99.0, 98.0, -1.0, 4.0], index)
    places = ObjectPlaces(index, "p", [("A01", 1), ("A01", 2), ("A01", 3)])
    values = ObjectValues(table, places)
    nowhere = ObjectPlaces(index, "r", [("A01", 1)])
    assert np.isnan(ObjectValues(table, nowhere).values).all()
    planes = ValuePlanes(MapPlanes(levels(numbers, 1), pytest.fail), values, stride)
    found = planes.plane(0, 0, 0, range(3), range(3))
    np.testing.assert_array_equal(
        found, np.array([[np.nan, 0.5, 0.5], [7, 7, np.nan], [np.nan] * 3], np.float32)
    )
    # Objects of another time point have values of their own; of a third one there are none.
    later = planes.plane(0, 1, 0, range(3), range(3))
    np.testing.assert_array_equal(
        later,
        np.array([[np.nan] * 3, [-1, -1, np.nan], [4, np.nan, np.nan]], np.float32),
    )
    assert np.isnan(planes.plane(0, 2, 0, range(3), range(3))).all()


def test_values_are_found_in_whatever_order_objects_come() -> None:
    stride, random = 16, np.random.default_rng(0)
    keys = [("p", "A01", site, 0, label) for site in (1, 2, 3) for label in range(1, 4 * site)]
    order = random.permutation(len(keys))
    index = pd.MultiIndex.from_tuples([keys[n] for n in order], names=INDEX)
    places = ObjectPlaces(index, "p", [("A01", 1), ("A01", 2), ("A01", 3)])
    values = ObjectValues(pd.Series(order.astype(float), index), places)
    numbers = np.array([[(site - 1) * stride + label for _, _, site, _, label in keys]], np.int32)
    np.testing.assert_array_equal(values.of(numbers, stride, 0)[0], np.arange(len(keys)))


def test_colours_are_viridis() -> None:
    from napari.utils.colormaps import AVAILABLE_COLORMAPS

    at = np.linspace(0, 1, 50)
    wanted = AVAILABLE_COLORMAPS["viridis"].map(at)[:, :3] * 255
    assert np.abs(colours(at) - wanted).max() < 17
    assert limits({"A": 3.0, "B": float("nan"), "C": -1.0}) == (-1.0, 3.0)
    assert limits({}) == (0.0, 1.0)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plate with objects and a map; one site excluded, one image missing."""
    folder = tmp_path_factory.mktemp("built")
    (folder / "blocks.yaml").write_text(PIPELINE)
    path = make_experiment(folder, lost=(("B02", 2, "Actin"),))
    with Experiment.open(path) as experiment:
        run(analyse(experiment, load_pipeline(folder / "blocks.yaml"), workers=1))
        run(run_step(PyramidBuilder(experiment), IlluminatiArguments(), workers=1))
        change(experiment.catalogue, "exclude", [("P1", "C03", 1)], "dust")
    return path


@pytest.fixture
def shown(built: Path, qapp: Any) -> Iterator[tuple[ViewerModel, PlateView, Experiment]]:
    viewer = ViewerModel()
    view = PlateView(viewer, pytest.fail)
    with Experiment.open(built) as experiment:
        view.open(experiment)
        view.show(resolve(read_facts(experiment), Choice(str(built), view=View.PLATE)))
        view.mark()
        yield viewer, view, experiment


def test_the_plate_is_its_map(shown: tuple[ViewerModel, PlateView, Experiment]) -> None:
    viewer, _, experiment = shown
    found = open_map(experiment, "P1")
    stored = found.channel("DAPI")
    data = viewer.layers["DAPI"].data
    assert [level.shape for level in data] == [level.shape for level in stored]
    for level, own in zip(data, stored, strict=True):
        whole = slice(0, own.shape[2]), slice(0, own.shape[3])
        np.testing.assert_array_equal(np.asarray(level)[0, 0], own.read(0, 0, *whole))
    assert tuple(viewer.layers["DAPI"].contrast_limits) == found.contrast("DAPI")
    names = viewer.layers["Names of wells"]
    assert list(names.text.string.array if hasattr(names.text.string, "array") else []) == [
        "B02",
        "B03",
        "C03",
    ]
    signs = np.asarray(viewer.layers["Wells and sites"].data[0])
    assert (signs == EXCLUDED).any()
    assert (signs == MISSING).any()


def test_what_lies_where(shown: tuple[ViewerModel, PlateView, Experiment], qtbot: Any) -> None:
    viewer, view, experiment = shown
    plan = open_map(experiment, "P1").plan
    site = next(site for site in plan.sites if (site.well, site.site) == ("B03", 2))
    # The fixture's planes are brighter than the threshold all over: one object a site.
    position = (0.0, 0.0, (site.top + 20) * 0.5, (site.left + 30) * 0.5)
    viewer.layers["Blocks"].refresh()
    assert view.status.text_at(position).startswith("P1 B03 site 2 · Blocks 1 · Intensity_max_DAPI")
    gap = (0.0, 0.0, (site.top + 20) * 0.5, (site.left - 64 - 3) * 0.5)
    assert view.status.text_at(gap) == ""
    viewer.cursor.position = position
    viewer.status = {"coordinates": "of napari"}
    assert str(viewer.status).startswith("P1 B03 site 2")

    class Press:
        type = "mouse_press"

    event: Any = Press()
    event.position = position
    callback = viewer.mouse_drag_callbacks[-1]
    with qtbot.waitSignal(view.status.objectSelected) as picked:
        assert list(callback(viewer, event)) == [None]
    found = picked.args[0]
    assert (found.place.well, found.place.site, found.object_type, found.label) == (
        "B03",
        2,
        "Blocks",
        1,
    )
    assert found.features["Intensity_mean_DAPI"] == pytest.approx(1200 + 3.5)


def test_frames_and_names_come_once_the_picture_is_drawn(
    shown: tuple[ViewerModel, PlateView, Experiment], qtbot: Any
) -> None:
    viewer, view, experiment = shown
    facts = read_facts(experiment)
    choice = Choice(str(experiment.path), plate="P1", well="B02", site=1, view=View.PLATE)
    site = resolve(facts, replace(choice, view=View.SITE))
    marks = {"Wells and sites", "Names of wells"}

    def there() -> set[str]:
        return marks & {layer.name for layer in viewer.layers}

    view.show(site)
    view.show(resolve(facts, choice))
    assert not there()
    qtbot.waitUntil(lambda: there() == marks)
    assert {layer.name for layer in viewer.layers[-2:]} == marks, "they lie on top"
    assert viewer.layers.selection.active.name not in marks
    view.forget()
    view.show(resolve(facts, choice))
    assert there() == marks, "they stay while the same is shown anew"
    # Who goes on before they come sees none of them.
    view.show(site)
    view.show(resolve(facts, choice))
    view.show(site)
    qtbot.wait(100)
    assert not there()


def test_names_of_wells_are_hidden_where_they_would_lie_over_each_other(
    shown: tuple[ViewerModel, PlateView, Experiment],
) -> None:
    viewer, view, experiment = shown
    layer = viewer.layers["Names of wells"]
    left = sorted({float(x) for _, x in layer.data * layer.scale})
    apart = left[1] - left[0]
    for pixels, seen in ((20, False), (60, True), (29, False)):
        viewer.scene.camera.zoom = pixels / apart
        assert layer.text.visible is seen
    # The same when the plate is shown anew.
    choice = Choice(str(experiment.path), plate="P1", well="B02", site=1, view=View.SITE)
    facts = read_facts(experiment)
    for pixels in (20, 60):
        view.show(resolve(facts, replace(choice, view=View.SITE)))
        viewer.scene.camera.zoom = pixels / apart
        view.show(resolve(facts, replace(choice, view=View.PLATE)))
        view.mark()
        zoom = viewer.scene.camera.zoom  # napari may show all of it
        assert viewer.layers["Names of wells"].text.visible is (zoom * apart >= 30)


def test_objects_are_coloured_by_their_values(
    shown: tuple[ViewerModel, PlateView, Experiment],
) -> None:
    viewer, view, experiment = shown
    table = experiment.features.read("Blocks", ["Intensity_mean_DAPI"])
    view.colour(ObjectColours("Blocks", table["Intensity_mean_DAPI"]))
    layer = viewer.layers["Blocks: Intensity_mean_DAPI"]
    site = open_map(experiment, "P1").plan.sites[5]
    box = np.asarray(layer.data[0][0, 0])[
        site.top : site.top + site.height, site.left : site.left + site.width
    ]
    value = float(table.loc[("P1", site.well, site.site, 0, 1)].iloc[0])
    assert box[0, 9] == pytest.approx(value)
    # Close by only the border has the colour: one object fills the site.
    assert np.isnan(box[2:-2, 2:-2]).all()
    assert not np.isnan(box[:, :2]).any()
    view.colour(None)
    assert layer not in viewer.layers


@pytest.mark.parametrize("of", [View.SITE, View.WELL])
def test_colours_go_with_the_user(
    shown: tuple[ViewerModel, PlateView, Experiment], of: View
) -> None:
    viewer, view, experiment = shown
    plain = viewer.layers["Blocks"].colormap
    table = experiment.features.read("Blocks", ["Intensity_mean_DAPI"])
    view.colour(ObjectColours("Blocks", table["Intensity_mean_DAPI"]))
    facts = read_facts(experiment)
    for well in ("B03", "C03"):
        choice = Choice(str(experiment.path), plate="P1", well=well, site=2, view=of)
        view.show(resolve(facts, choice))
        layer = viewer.layers["Blocks: Intensity_mean_DAPI"]
        data = np.asarray(layer.data[0] if layer.multiscale else layer.data)[0, 0]
        column = 9 if of is View.SITE else 64 + 9  # site 2 is the upper right one
        wanted = float(table.loc[("P1", well, 2, 0, 1)].iloc[0])
        assert data[0, column] == pytest.approx(wanted)
        # All others of the type stay in grey.
        assert viewer.layers["Blocks"].colormap.name == "grey"
        order = [one.name for one in viewer.layers]
        assert order == ["DAPI", "Actin", "Blocks", "Blocks: Intensity_mean_DAPI"]
    # Another colour is the same layer with other numbers: settings of the user stay.
    layer.opacity = 0.5
    classes = pd.Series(1.0, index=table.index, name="drug")
    view.colour(ObjectColours("Blocks", classes, (("no", "#0072b2"), ("yes", "#e69f00"))))
    assert viewer.layers["Blocks: drug"] is layer
    assert layer.opacity == 0.5
    assert layer.colormap.name.startswith("2 colours")
    view.colour(None)
    assert layer not in viewer.layers
    assert viewer.layers["Blocks"].colormap.name == plain.name


def test_objects_are_coloured_by_their_classes(
    shown: tuple[ViewerModel, PlateView, Experiment],
) -> None:
    viewer, view, experiment = shown
    table = experiment.features.read("Blocks", [])
    classes = (table.index.get_level_values("well") == "B03").astype(float)
    values = pd.Series(classes, index=table.index, name="drug")
    view.colour(ObjectColours("Blocks", values, (("no", "#0072b2"), ("yes", "#e69f00"))))
    layer = viewer.layers["Blocks: drug"]
    low, high = layer.contrast_limits
    seen = layer.colormap.map((np.array([0.0, 1.0]) - low) / (high - low))
    expected = np.array([[0x00, 0x72, 0xB2], [0xE6, 0x9F, 0x00]]) / 255
    assert seen[:, :3] == pytest.approx(expected, abs=1 / 255)


def test_numbers_of_wells_leave_excluded_sites_out(built: Path) -> None:
    with Experiment.open(built) as experiment:
        assert Measure("Blocks", COUNT) in measures(experiment)
        counts = well_values(experiment, "P1", Measure("Blocks", COUNT))
        means = well_values(experiment, "P1", Measure("Blocks", "Intensity_mean_DAPI"))
    assert counts == {"B02": 4.0, "B03": 4.0, "C03": 3.0}
    # Sites have 100 × their number; site 1 of C03 is excluded.
    assert means == pytest.approx({"B02": 253.5, "B03": 1253.5, "C03": 2303.5})


@pytest.mark.parametrize("view_of", [View.SITE, View.WELL])
def test_cycles_are_aligned_if_wanted(tmp_path: Path, qapp: Any, view_of: View) -> None:
    viewer = ViewerModel()
    with make_rounds(tmp_path) as experiment:
        run(
            run_step(ImageRegistrator(experiment), AlignArguments(ref_wavelength="DAPI"), workers=1)
        )
        view = PlateView(viewer, pytest.fail)
        view.open(experiment)
        facts = read_facts(experiment)
        distance = {}
        for pixels in Pixels:
            choice = Choice(str(experiment.path), view=view_of, pixels=pixels)
            view.show(resolve(facts, choice))
            first, second = (
                np.asarray(layer.data[0] if layer.multiscale else layer.data, dtype=float)[
                    0, 0, 20:100, 20:140
                ]
                for layer in (viewer.layers["0_DAPI"], viewer.layers["1_DAPI"])
            )
            distance[pixels] = np.abs(first - second).mean()
    assert distance[Pixels.PREPARED] < distance[Pixels.RECORDED] / 4
    # There is no map: then "as the map" is as recorded.
    assert distance[Pixels.MAP] == distance[Pixels.RECORDED]


def test_what_fills_the_window_fills_it_when_that_is_resized(
    experiment_path: Path, qapp: Any
) -> None:
    """E.g. by the controls of another kind of layer; but not once somebody looked elsewhere."""
    viewer = ViewerModel()
    viewer.canvas.size = (600, 600)
    camera = viewer.scene.camera
    with Experiment.open(experiment_path) as experiment:
        view = PlateView(viewer, pytest.fail)
        view.open(experiment)
        view.show(resolve(read_facts(experiment), Choice(str(experiment_path), view=View.PLATE)))
        wide = camera.zoom
        viewer.canvas.size = (300, 300)
        assert camera.zoom == pytest.approx(wide / 2)
        viewer.canvas.size = (600, 600)
        assert camera.zoom == pytest.approx(wide)
        camera.zoom = 3 * wide
        viewer.canvas.size = (300, 300)
        assert camera.zoom == 3 * wide
        view.close()
        view.open(None)


def test_one_cycle_at_a_time(tmp_path: Path, qapp: Any) -> None:
    viewer = ViewerModel()
    with make_rounds(tmp_path) as experiment:
        view = PlateView(viewer, pytest.fail)
        view.open(experiment)
        facts = read_facts(experiment)
        view.show(resolve(facts, Choice(str(experiment.path), view=View.PLATE)))
        cycles = experiment.catalogue.channels().set_index("name")["cycle"]

        def seen() -> set[str]:
            return {name for name in cycles.index if viewer.layers[name].visible}

        hidden = next(name for name in cycles.index if cycles[name] == 1 and name != "1_DAPI")
        viewer.layers[hidden].visible = False
        for cycle in (1, 0):
            view.show_cycle(cycle)
            assert seen() == set(cycles.index[cycles == cycle]) - {hidden}
        # All is as it was before; what the user hid stays hidden.
        view.show_cycle(-1)
        assert seen() == set(cycles.index) - {hidden}


def test_sites_of_unequal_size(tmp_path: Path, qapp: Any) -> None:
    """A small image stores fewer levels than others; it is seen on all of them."""
    sizes = {1: (600, 700), 2: (600, 700), 3: (600, 700), 4: (200, 250)}
    (tmp_path / "raw").mkdir()
    for site, size in sizes.items():
        tifffile.imwrite(tmp_path / "raw" / f"B02_s{site}.tif", np.full(size, site, np.uint16))
    with Experiment.create(tmp_path / "odd.tmaps") as experiment:
        experiment.add(scan(tmp_path / "raw", pattern=r"(?P<well>B02)_s(?P<site>\d)"), plate="P")
        run(convert(experiment, workers=1))
        source = experiment_source(experiment, "P")
        stack = source.image(0)
        assert len(stack.factors) > 1
        for level in range(len(stack.factors)):
            plane = stack.read(3, level, 0, 0, slice(None), slice(None))
            assert plane is not None
            assert plane.shape == (-(-200 // 2**level), -(-250 // 2**level))
            assert (plane == 4).all()
        viewer = ViewerModel()
        view = PlateView(viewer, pytest.fail)
        view.open(experiment)
        for of in (View.WELL, View.PLATE):
            view.show(resolve(read_facts(experiment), Choice(str(experiment.path), view=of)))
            for level in viewer.layers[0].data:
                assert set(np.unique(np.asarray(level))) >= {1, 2, 3, 4}
        view.open(None)


def test_a_channel_that_a_well_lacks(tmp_path: Path, qapp: Any) -> None:
    """It is empty in the plate and marked as missing; the well and its sites are shown."""
    viewer = ViewerModel()
    path = make_experiment(tmp_path, lost=tuple(("B02", site, "Actin") for site in range(1, 5)))
    with Experiment.open(path) as experiment:
        view = PlateView(viewer, pytest.fail)
        view.open(experiment)
        facts = read_facts(experiment)
        for of in (View.PLATE, View.WELL, View.SITE):
            view.show(resolve(facts, Choice(str(path), well="B02", site=1, view=of)))
            view.mark()
            assert np.asarray(viewer.layers["DAPI"].data[0])[..., :64, :64].any()
            if of is View.PLATE:
                actin = np.asarray(viewer.layers["Actin"].data[0])[0, 0]
                assert not actin[:128, :128].any()
                assert actin[:128, -128:].any()
                signs = np.asarray(viewer.layers["Wells and sites"].data[0])
                assert (signs[:128, :128] == MISSING).any()
                assert not (signs[:128, -120:] == MISSING).any()
        # What was never recorded is no black image.
        assert "Actin" not in viewer.layers
