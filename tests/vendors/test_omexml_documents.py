"""OME-XML of each format's real files: valid against the schema, and the same as the scan."""

from __future__ import annotations

import math

import ome_types
import pytest

from napari_tmaps.store.experiment import Experiment
from napari_tmaps.vendors import scan
from napari_tmaps.workflow.metaextract import acquisition_omexml

SETS = [
    "yokogawa_cv8000_faim",
    "harmony_pe2loaddata/Version5",
    "harmony_operetta_compose",
    "imagexpress_exported_faim/9987_Plate_3434",
    "imagexpress_faim/Projection-Mix",
    "visiview_faim",
    "scanr_plateviewer",
    "leica_matrix_jpeg",
    "micromanager_ndtiff/v3/labeled_positions_1",
    "czi_wellplate_czitools",
    "czi_czitools/S3_1Pos_2Mosaic_T2Z3_CH2_sm.czi",
    "czi_czitools/newCZI_compressed.czi",
    "czi_aicspylibczi/c_tests/resources/RGB-8bit.czi",
    "nd2_arcadia/example-timelapse.nd2",
    "nd2_pims",
    "lif_fractal",
    "lsm_omio",
    "oib_oiffile",
    "ometiff_webknossos/4D_series",
    "serialcellpose",
]


@pytest.mark.parametrize("folder", SETS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_real(shared_data, tmp_path, folder):
    found = scan(shared_data / folder)
    with Experiment.create(tmp_path / "a.tmaps") as experiment:
        (plate,) = experiment.add(found)
        text = acquisition_omexml(experiment, plate, "acquisition01")
    ome = ome_types.from_xml(text, validate=True)
    there = found.planes[~found.planes["missing"]]
    places = list(there.groupby(["well", "site"], sort=False))
    assert len(ome.images) == len(places)
    assert sum(len(image.pixels.planes) for image in ome.images) == len(there)
    assert len(ome.plates[0].wells) == len(found.wells)
    (note,) = ome.structured_annotations
    told = {entry.k: entry.value for entry in note.value.ms}
    assert told["format"] == found.vendor
    assert told.get("objective", "") == found.metadata.get("objective", "")
    channels = {channel.name: channel for channel in found.channels}
    for image, (_, planes) in zip(ome.images, places, strict=True):
        pixels = image.pixels
        assert (pixels.size_y, pixels.size_x) == tuple(planes.iloc[0][["height", "width"]])
        assert pixels.type.value == planes.iloc[0]["dtype"]
        assert (pixels.size_t, pixels.size_z) == (planes["t"].nunique(), planes["z"].nunique())
        size = (pixels.physical_size_y, pixels.physical_size_x)
        assert size == pytest.approx(found.pixel_size_um or (None, None))
        for channel in pixels.channels:
            told = channels[channel.name]
            assert channel.excitation_wavelength == pytest.approx(told.excitation_nm)
            assert channel.emission_wavelength == pytest.approx(told.emission_nm)
        where = {
            (row.t, row.channel, row.z): row for row in planes.itertuples()
        }  # as the document counts
        t, z = (sorted(set(planes[axis])) for axis in "tz")
        for plane in pixels.planes:
            row = where[t[plane.the_t], pixels.channels[plane.the_c].name, z[plane.the_z]]
            for value, other in (
                (plane.position_y, row.stage_y_um),
                (plane.position_x, row.stage_x_um),
                (plane.position_z, row.stage_z_um),
                (plane.delta_t, row.time_s),
                (plane.exposure_time, channels[row.channel].exposure_ms),
            ):
                known = other if other is not None and math.isfinite(other) else None
                assert value == pytest.approx(known)
