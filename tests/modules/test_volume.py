"""Heights from beads, and what is measured on them; channels of labels."""

from __future__ import annotations

import numpy as np
import pytest

from napari_tmaps.errors import InputError
from napari_tmaps.modules import (
    generate_volume_image,
    measure_volume_image,
    register_objects_channel,
    use_label_image,
)

SHAPE = (60, 80)
CELLS = np.zeros(SHAPE, np.int32)
CELLS[10:50, 20:60] = 5
SETTINGS = {"threshold": 20.0, "bead_size": 5}


def beads(places, planes=16, shape=SHAPE):
    """Beads of 3 × 3 pixels at (z, y, x) in a little noise."""
    stack = np.random.default_rng(0).integers(100, 104, (planes, *shape), np.uint16)
    for z, y, x in places:
        stack[max(0, z - 1) : z + 2, y - 1 : y + 2, x - 1 : x + 2] += 100
        stack[z, y - 1 : y + 2, x - 1 : x + 2] += 400
        stack[z, y, x] += 100
    return stack


def test_a_level_cell_on_a_level_slide():
    on_cell = [(9, y, x) for y in (15, 30, 45) for x in (25, 40, 55)]
    beside = [(2, 5, 5), (2, 5, 75), (2, 55, 40)]
    volume = generate_volume_image(beads(on_cell + beside), CELLS, **SETTINGS)
    assert volume.dtype == np.uint16
    np.testing.assert_array_equal(volume, np.where(CELLS > 0, 7, 0))


def test_a_roof_on_a_slope():
    """The slide rises with x by 1 in 20, the roof stands 3 planes above it at each bead."""
    slope = {x: x // 20 for x in (0, 20, 40, 60)}
    on_cell = [(3 + slope[x], y, x) for y in (12, 47) for x in (20, 40)]
    beside = [(slope[x] if x else 0, y, max(x, 3)) for y in (4, 55) for x in (20, 40, 60)]
    volume = generate_volume_image(beads(on_cell + beside), CELLS, **SETTINGS)
    np.testing.assert_array_equal(volume[12:48, 20:41], 3)


def test_between_beads_the_height_is_interpolated_and_beyond_them_the_nearest():
    on_cell = [(2, 20, 30), (2, 40, 30), (10, 20, 50), (10, 40, 50)]
    volume = generate_volume_image(beads(on_cell), CELLS, **SETTINGS)
    assert volume[30, 30:51:5].tolist() == [2, 4, 6, 8, 10]
    assert (volume[30, 22], volume[30, 58]) == (2, 10)


def test_two_beads_give_steps():
    volume = generate_volume_image(beads([(2, 30, 30), (10, 30, 50)]), CELLS, **SETTINGS)
    assert volume[30, [21, 39, 41, 59]].tolist() == [2, 2, 10, 10]


def test_beads_below_the_slide_have_no_height():
    places = [(1, 30, 40), (5, 5, 5)]
    assert not generate_volume_image(beads(places), CELLS, **SETTINGS).any()


def test_a_bead_is_where_its_square_is_brightest():
    """One hot pixel in another plane does not lift the bead."""
    stack = beads([(6, 30, 40)])
    stack[14, 30, 40] = 720
    assert generate_volume_image(stack, CELLS, **SETTINGS)[30, 40] == 6
    single = generate_volume_image(stack, CELLS, superpixel_size=1, **SETTINGS)
    assert single[30, 40] == 14


def test_pits_are_closed_on_demand():
    ring = [(9, y, x) for y in (15, 30, 45) for x in (25, 40, 55) if (y, x) != (30, 40)]
    stack = beads([*ring, (3, 30, 40)])
    open_ = generate_volume_image(stack, CELLS, **SETTINGS)
    closed = generate_volume_image(stack, CELLS, close_surface=True, close_disc_size=20, **SETTINGS)
    assert open_[30, 40] == 3
    assert closed[30, 40] == 9


def test_without_cells_there_is_no_height():
    assert not generate_volume_image(beads([]), CELLS * 0, **SETTINGS).any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(
            lambda: generate_volume_image(beads([(2, 5, 5)]), CELLS, **SETTINGS),
            "no bead on them.*'threshold' 20",
            id="no-beads",
        ),
        pytest.param(
            lambda: generate_volume_image(beads([])[0], CELLS), "works on stacks", id="plane"
        ),
        pytest.param(
            lambda: generate_volume_image(beads([]), CELLS[1:]), "'mask' has", id="mask-shape"
        ),
        pytest.param(
            lambda: measure_volume_image(CELLS, CELLS, CELLS[1:].astype(np.uint16)),
            "'intensity_image' has",
            id="height-shape",
        ),
        pytest.param(
            lambda: measure_volume_image(CELLS, CELLS, CELLS), "type int32", id="height-type"
        ),
        pytest.param(lambda: register_objects_channel(CELLS / 2), "'label'", id="fractions"),
        pytest.param(
            lambda: use_label_image(CELLS[np.newaxis, np.newaxis]), "single planes", id="4-D"
        ),
        pytest.param(lambda: use_label_image(-CELLS), "the label -5", id="negative"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


# --- measure_volume_image ------------------------------------------------------------------


def test_a_box_by_hand():
    """4 × 5 pixels of 0.5 µm, 6 planes of 2 µm high."""
    labels = np.zeros((8, 9), np.int32)
    labels[2:6, 3:8] = 9
    height = np.where(labels, 6, 0).astype(np.uint16)
    row = measure_volume_image(labels, labels, height, pixel_size=0.5, z_step=2.0).loc[9]
    assert row.to_dict() == pytest.approx(
        {
            "Morphology3D_max_height": 12,
            "Morphology3D_mean_height": 12,
            "Morphology3D_volume_pL": 20 * 0.25 * 12 / 1000,
            "Morphology3D_lower_surface_area": 5,
            "Morphology3D_upper_surface_area": 12 * 0.25,  # 3 × 4 squares between pixel centres
            "Morphology3D_total_surface_area": 8,
        }
    )


def test_a_slope_by_hand():
    """A plane that rises by 4 µm over 3 µm is 5 / 3 as large as the ground below it."""
    height = np.tile(np.arange(7, dtype=np.uint8), (5, 1))
    labels = np.ones(height.shape, np.int32)
    labels[:, 5:] = 2
    table = measure_volume_image(labels, labels, height, pixel_size=3.0, z_step=4.0)
    ground = [4 * 4 * 9, 4 * 1 * 9]
    upper = table["Morphology3D_upper_surface_area"]
    assert upper.tolist() == pytest.approx([g * 5 / 3 for g in ground])


def test_a_peak_by_hand():
    """A pyramid of one pixel: of 8 triangles around it, 6 have it as a corner."""
    height = np.zeros((3, 3), np.uint8)
    height[1, 1] = 1
    labels = np.ones((3, 3), np.int32)
    table = measure_volume_image(labels, labels, height, pixel_size=1.0, z_step=1.0)
    expected = 2 * 0.5 + 4 * np.sqrt(2) / 2 + 2 * np.sqrt(3) / 2
    # Two triangles stay flat; four rise along one axis, two along the diagonal between axes.
    assert table["Morphology3D_upper_surface_area"].iloc[0] == pytest.approx(_triangles(height))
    assert expected == pytest.approx(_triangles(height))


def _triangles(height):
    """Area of all triangles from their corners in space."""
    total = 0.0
    for y in range(height.shape[0] - 1):
        for x in range(height.shape[1] - 1):
            a, b, c, d = (
                np.array([v, u, float(height[v, u])])
                for v, u in ((y, x), (y, x + 1), (y + 1, x), (y + 1, x + 1))
            )
            for p, q, r in ((a, b, d), (a, c, d)):
                total += np.linalg.norm(np.cross(q - p, r - p)) / 2
    return total


def test_rough_ground_as_its_triangles():
    height = np.random.default_rng(1).integers(0, 9, (12, 15), np.uint16)
    labels = np.ones(height.shape, np.int32)
    table = measure_volume_image(labels, labels, height, pixel_size=1.0, z_step=1.0)
    assert table["Morphology3D_upper_surface_area"].iloc[0] == pytest.approx(_triangles(height))


def test_no_objects_no_rows():
    nothing = np.zeros((4, 5), np.int32)
    table = measure_volume_image(nothing, nothing, nothing.astype(np.uint16))
    assert table.shape == (0, 6)


# --- channels of labels --------------------------------------------------------------------


@pytest.mark.parametrize("module", [register_objects_channel, use_label_image])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_channels_of_labels_keep_their_numbers(module, dtype):
    channel = np.array([[0, 3], [255, 3]], dtype)
    labels = module(channel)
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, channel)
