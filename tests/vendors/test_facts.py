"""What microscopes say beside the layout, on real files: as the vendor's own metadata have it.

The values were read from the files themselves (XML, tags, settings) with other libraries.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from napari_tmaps.model.channels import Channel
from napari_tmaps.vendors import scan
from napari_tmaps.vendors.lsm import lsm_channels, lsm_facts, lsm_times
from napari_tmaps.vendors.nikon import _exposures

# folder → objective; of the last channel excitation, emission, exposure and bits; last time
FACTS = [
    ("yokogawa_cv8000_faim", "20x v2", (488, 525, 100, 16), 30.476),
    ("harmony_pe2loaddata/Version5", "20x NA 1", (640, 706, 40, 16), 1.187),
    ("harmony_operetta_compose", "10x NA 0.3", (475, 525, 6, 16), 0.577),
    (
        "imagexpress_exported_faim/9987_Plate_3434",
        "40X Plan Apo Lambda NA 0.95",
        (None, 624, 100, 16),
        14.157,
    ),
    ("imagexpress_faim/SingleChannel", "20X Plan Apo Lambda NA 0.75", (None, 536, 15, 16), 21.937),
    ("visiview_faim", "20x", (None, 521, 10, 16), 15.366),
    (
        "czi_wellplate_czitools/WP96_4Pos_B4-10_DAPI.czi",
        "Plan-Apochromat 5x/0.35",
        (353, 465, 20, 8),
        6.308,
    ),
    (
        "czi_czitools/S3_1Pos_2Mosaic_T2Z3_CH2_sm.czi",
        "Plan-Apochromat 5x/0.35",
        (488, 509, 2, 14),
        33.412,
    ),
    (
        "nd2_arcadia/example-timelapse.nd2",
        "PLAN APO λD 40x OFN25 DIC N2",
        (405, 512, 500, 16),
        26.008,
    ),
    (
        "nd2_arcadia/example-cerevisiae.nd2",
        "PLAN APO λD 40x OFN25 DIC N2",
        (405, 512, 300, 16),
        0.0,
    ),
    ("nd2_pims/bioformats/cluster.nd2", "Plan Apo λ 60x", (561, 700, None, 12), 30.424),
    ("lif_fractal", "HC PL APO CS2 20x/0.75 DRY", (None, None, None, 8), 57.421),
    ("lsm_omio", "Plan-Apochromat 20x/0.8 M27", (561, None, None, 8), 0.0),
    ("oib_oiffile", "UPLFLN 40X NA:0.75", (543, None, None, 12), None),
]


@pytest.mark.parametrize(
    ("folder", "objective", "last", "seconds"), FACTS, ids=[case[0] for case in FACTS]
)
def test_real(shared_data, folder, objective, last, seconds):
    result = scan(shared_data / folder)
    assert result.metadata["objective"] == objective
    channel = result.channels[-1]
    told = (channel.excitation_nm, channel.emission_nm, channel.exposure_ms, channel.bit_depth)
    assert told == pytest.approx(last, abs=0.5)
    times = result.planes["time_s"]
    if seconds is None:
        assert times.isna().all()
    else:
        assert times.max() == pytest.approx(seconds, abs=1e-3)


EXPOSURES = [
    pytest.param("Camera\r\nExposure: 500 ms\r\nBinning: 1x1", 2, [500.0, 500.0], id="of all"),
    pytest.param(
        "Sample 1:\n  Exposure: 1 s\nSample 2:\n  Exposure: 3 ms", 2, [1e3, 3.0], id="each"
    ),
    pytest.param("Exposure: 1 s\nExposure: 3 ms", 3, [None] * 3, id="does not fit"),
    pytest.param("{Laser Power}: 9.0", 1, [None], id="confocal"),
]


@pytest.mark.parametrize(("text", "channels", "expected"), EXPOSURES)
def test_exposures_of_nd2(text, channels, expected):
    assert _exposures(SimpleNamespace(text_info={"capturing": text}), channels) == expected
    assert _exposures(SimpleNamespace(text_info=None), 1) == [None]


def lsm_file(*, detectors=(1, 1), lasers=(1, 0), stamps=(5.0, 7.5)):
    """What tifffile tells of an LSM of one track with two detectors and two lasers."""
    track = {
        "IlluminationChannels": [
            {"Aquire": on, "Wavelength": wavelength}
            for on, wavelength in zip(lasers, (488.0, 561.0), strict=True)
        ],
        "DataChannels": [{"BitsPerSample": 12}, {"BitsPerSample": 12}],
        "DetectionChannels": [
            {"Acquire": on, "DyeName": dye, "SpiWavelengthStart": 500, "SpiWavelengthStop": 550}
            for on, dye in zip(detectors, ("GFP", ""), strict=True)
        ],
    }
    facts = {
        "TimeStamps": stamps,
        "ScanInformation": {"Objective": " 40x ", "User": "", "Tracks": [track]},
    }
    return SimpleNamespace(lsm_metadata=facts)


def test_lsm():
    file = lsm_file()
    expected = [
        Channel("C01", excitation_nm=488.0, bit_depth=12, fluorophore="GFP"),
        Channel("C02", excitation_nm=488.0, bit_depth=12),
    ]
    assert lsm_channels(file, 2) == expected
    assert lsm_facts(file) == {
        "objective": "40x",
        "detection_bands_nm": [[500.0, 550.0], [500.0, 550.0]],
    }
    times = lsm_times(file, (2, 1, 3))
    assert times.tolist() == [[[0.0] * 3], [[2.5] * 3]]


def test_lsm_that_does_not_say():
    assert lsm_channels(lsm_file(detectors=(1, 0)), 2) == [Channel("C01"), Channel("C02")]
    assert lsm_channels(lsm_file(lasers=(1, 1)), 2)[0].excitation_nm is None
    assert lsm_times(lsm_file(stamps=(5.0,)), (2, 1, 1)) is None
    bare = SimpleNamespace(lsm_metadata={})
    assert lsm_channels(bare, 1) == [Channel("C01")]
    assert lsm_facts(bare) == {}
    assert lsm_times(bare, (1, 1, 1)) is None
