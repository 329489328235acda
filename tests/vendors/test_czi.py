"""ZEISS CZI, against pylibCZIrw (which also writes the files here) and aicspylibczi."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from napari_tmaps.errors import FormatError, MissingError
from napari_tmaps.vendors import scan
from napari_tmaps.vendors.czi import CziPlanes
from napari_tmaps.vendors.pixels import PlaneReader

pyczi = pytest.importorskip("pylibCZIrw.czi", reason="writes the CZI files of these tests")


ORIGIN = {"T": 0, "C": 0, "Z": 0}


def write(path, tiles, *, compression="uncompressed:", scale_um=0.5, names=None):
    """Tiles: (scene, (x, y), plane, pixels)."""
    with pyczi.create_czi(str(path), compression_options=compression) as file:
        for scene, location, plane, pixels in tiles:
            file.write(pixels, location=location, plane={**ORIGIN, **plane}, scene=scene)
        file.write_metadata(
            document_name="test",
            channel_names=names or {0: "DAPI 5%"},
            scale_x=scale_um * 1e-6,
            scale_y=scale_um * 1e-6,
            scale_z=2e-6 if scale_um else 0,
        )
    return path


def noise(seed, dtype="uint16", shape=(16, 20, 1)):
    return np.random.default_rng(seed).integers(0, 250, shape).astype(dtype)


def read_all(result):
    reader = PlaneReader(result.root, result.reader)
    planes = {
        (row.well, row.site, row.channel, row.z, row.t): reader.read(row.path, row.series, row.page)
        for row in result.planes.itertuples()
    }
    reader.close()
    return planes


@pytest.fixture
def tczi(tmp_path):
    """2 t × 2 c × 3 z; pixels differ in every plane."""
    stack = {(t, c, z): noise(100 * t + 10 * c + z) for t, c, z in np.ndindex(2, 2, 3)}
    tiles = [(0, (7, 5), {"T": t, "C": c, "Z": z}, a) for (t, c, z), a in stack.items()]
    return write(tmp_path / "a.czi", tiles, names={0: "DAPI", 1: "GFP"}), stack


def test_every_plane_is_the_one_written(tczi):
    path, stack = tczi
    result = scan(path)
    assert result.summary()["channels"] == ["DAPI", "GFP"]
    assert (result.summary()["size_z"], result.summary()["size_t"]) == (3, 2)
    assert result.pixel_size_um == (0.5, 0.5)
    assert result.z_step_um == 2.0
    planes = read_all(result)
    assert len(planes) == 12
    for (t, c, z), written in stack.items():
        found = planes["A01", 1, ("DAPI", "GFP")[c], z, t]
        assert np.array_equal(found, written[..., 0])
        assert found.dtype == written.dtype


COMPRESSIONS = [
    pytest.param("uncompressed:", id="none"),
    pytest.param("zstd0:ExplicitLevel=2", id="zstd0"),
    pytest.param("zstd1:ExplicitLevel=2;PreProcess=None", id="zstd1"),
    pytest.param("zstd1:ExplicitLevel=2;PreProcess=HiLoByteUnpack", id="zstd1-hilo"),
]


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_compressions_and_pixel_types(tmp_path, compression, dtype):
    pixels = noise(1, dtype)
    path = write(tmp_path / "a.czi", [(0, (0, 0), {}, pixels)], compression=compression)
    result = scan(path)
    assert result.dtype == dtype
    assert result.summary()["channels"] == ["DAPI 5%"]
    assert np.array_equal(read_all(result)["A01", 1, "DAPI 5%", 0, 0], pixels[..., 0])


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_colour_pictures_become_three_channels(tmp_path, compression, dtype):
    blue_green_red = noise(2, dtype, (8, 9, 3))
    path = write(tmp_path / "a.czi", [(0, (0, 0), {}, blue_green_red)], compression=compression)
    result = scan(path)
    assert result.summary()["channels"] == ["DAPI 5% R", "DAPI 5% G", "DAPI 5% B"]
    assert any("colour pictures" in str(oddity) for oddity in result.oddities)
    planes = read_all(result)
    for index, part in enumerate("BGR"):
        found = planes["A01", 1, f"DAPI 5% {part}", 0, 0]
        assert np.array_equal(found, blue_green_red[..., index])


def test_overlapping_tiles_are_sites_with_all_their_pixels(tmp_path):
    tiles = [(0, (18 * n, 4 * n), {}, noise(n)) for n in range(3)]
    result = scan(write(tmp_path / "a.czi", tiles))
    assert result.sites_per_well == {"A01": 3}
    planes = read_all(result)
    for n, (_, _, _, pixels) in enumerate(tiles):
        assert np.array_equal(planes["A01", n + 1, "DAPI 5%", 0, 0], pixels[..., 0])
    # 18 and 4 pixels of 0.5 µm between neighbours, y downwards
    assert np.diff(result.planes["stage_x_um"]).tolist() == [9.0, 9.0]
    assert np.diff(result.planes["stage_y_um"]).tolist() == [2.0, 2.0]


def test_scenes_are_sites(tmp_path):
    tiles = [(scene, (1000 * scene, 0), {}, noise(scene)) for scene in range(3)]
    planes = read_all(scan(write(tmp_path / "a.czi", tiles)))
    for scene in range(3):
        assert np.array_equal(planes["A01", scene + 1, "DAPI 5%", 0, 0], noise(scene)[..., 0])


def test_unknown_scale_is_said(tmp_path):
    result = scan(write(tmp_path / "a.czi", [(0, (0, 0), {}, noise(0))], scale_um=0))
    assert result.pixel_size_um is None
    assert "doubtful" in [oddity.kind for oddity in result.oddities]


def test_planes_that_were_never_taken_are_missing(tmp_path):
    tiles = [(0, (0, 0), {"Z": z, "T": t}, noise(z)) for z, t in ((0, 0), (1, 0), (0, 1))]
    result = scan(write(tmp_path / "a.czi", tiles))
    gaps = result.planes[result.planes["missing"]]
    assert gaps[["z", "t", "path"]].to_numpy().tolist() == [[1, 1, ""]]
    assert any(oddity.kind == "missing" for oddity in result.oddities)


@pytest.mark.parametrize("kept", [0.02, 0.3, 0.7, 0.95])
def test_truncated(tczi, tmp_path, kept):
    path, _ = tczi
    cut = tmp_path / "cut.czi"
    cut.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(FormatError, match=r"'cut\.czi' cannot be read"):
        scan(cut)
    result = scan(tmp_path)
    assert set(result.planes["path"]) == {"a.czi"}
    assert result.oddities[0].kind == "unreadable"
    assert "cut.czi" in str(result.oddities[0])


@pytest.mark.parametrize("content", [b"", b"not a CZI at all" * 9], ids=["empty", "other"])
def test_no_czi(tmp_path, content):
    (tmp_path / "a.czi").write_bytes(content)
    with pytest.raises(FormatError, match=r"'a\.czi' cannot be read"):
        scan(tmp_path)


def test_compression_that_is_not_supported(tczi):
    path, _ = tczi
    data = bytearray(path.read_bytes())
    entry = data.index(b"DV", data.index(b"ZISRAWDIRECTORY"))
    data[entry + 18] = 99
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"compression \(number 99\) is not supported"):
        scan(path)


def test_reading_says_what_is_wrong(tczi):
    path, _ = tczi
    file = CziPlanes(path)
    with pytest.raises(FormatError, match=r"Plane 12 of image 0 .* cannot be read"):
        file.read(0, 12)
    with pytest.raises(FormatError, match="image 1"):
        file.read(1, 0)
    file.close()
    with pytest.raises(MissingError, match="is gone"):
        CziPlanes(path.with_name("b.czi"))


def test_files_without_wells_are_sites_of_one_well(tczi):
    path, _ = tczi
    for number in (10, 2):
        shutil.copy(path, path.with_name(f"s{number}.czi"))
    result = scan(path.parent)
    assert result.sites_per_well == {"A01": 3}
    first = result.planes.drop_duplicates("site")["path"].tolist()
    assert first == ["a.czi", "s2.czi", "s10.czi"]
    assert "3 files" in str(result.oddities[0])


# file, wells → sites, channels, (t, z), (y, x), pixel size, z step
REAL = [
    pytest.param("czi_wellplate_czitools/WP96_4Pos_B4-10_DAPI.czi",
                 {f"B{n:02d}": 4 for n in range(4, 11)}, ["DAPI"], (1, 1), [640, 640], 0.2, None,
                 id="plate"),
    pytest.param("czi_czitools/S3_1Pos_2Mosaic_T2Z3_CH2_sm.czi", {"A01": 28}, ["DAPI", "EGFP"],
                 (2, 3), [64, 64], 1.6, 1.0, id="mosaics"),
    pytest.param("czi_czitools/1_tileregion.czi", {"D06": 7}, ["EGFP"], (1, 1), [300, 400], 0.4,
                 None, id="tiles"),
    pytest.param("czi_czitools/WellD6-7_S2.czi", {"D06": 1, "D07": 1}, ["AF488"], (1, 1),
                 [440, 544], 0.1, None, id="two-wells"),
    pytest.param("czi_czitools/CellDivision_T3_Z5_CH2_X240_Y170.czi", {"A01": 1},
                 ["LED555", "LED470"], (3, 5), [170, 240], 0.09058, 0.32, id="stack"),
    pytest.param("czi_czitools/Al2O3_SE_020_sp.czi", {"A01": 1}, ["C1"], (1, 1), [1536, 2048],
                 0.02791, None, id="no-channel-axis"),
    pytest.param("czi_czitools/newCZI_compressed.czi", {"A01": 1}, ["C01"], (1, 1), [512, 512],
                 None, None, id="no-scale"),
    pytest.param("czi_aicspylibczi/c_tests/resources/RGB-8bit.czi", {"A01": 1}, ["R", "G", "B"],
                 (1, 1), [624, 924], 1.08333, None, id="colours"),
    pytest.param("czi_aicspylibczi/c_tests/resources/tiles_z.czi", {"A01": 4}, ["Ch1", "T PMT"],
                 (1, 2), [256, 256], 0.830266, 4.0, id="tiles-z"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "sites", "channels", "tz", "size", "pixel", "step"), REAL)
def test_real_layout(shared_data, name, sites, channels, tz, size, pixel, step):
    result = scan(shared_data / name)
    facts = result.summary()
    assert facts["sites_per_well"] == sites
    assert facts["channels"] == channels
    assert (facts["size_t"], facts["size_z"]) == tz
    assert facts["image_size"] == size
    assert facts["z_step_um"] == step
    assert not result.planes["missing"].any()
    if pixel is None:
        assert result.pixel_size_um is None
    else:
        assert result.pixel_size_um == pytest.approx((pixel, pixel), rel=1e-4)


def test_real_places(shared_data):
    plate = scan(shared_data / "czi_wellplate_czitools")
    first = plate.planes.iloc[0]
    assert (first["stage_x_um"], first["stage_y_um"]) == (29687.5, 15687.5)
    assert plate.plate_format is not None
    assert plate.plate_format.wells == 96
    tiles = scan(shared_data / "czi_czitools/1_tileregion.czi").planes
    steps = tiles.sort_values("site")[["stage_x_um", "stage_y_um"]].diff().abs().max()
    assert steps.tolist() == pytest.approx([360 * 0.4, 270 * 0.4])


@pytest.mark.parametrize(
    "name",
    [
        "czi_czitools/S3_1Pos_2Mosaic_T2Z3_CH2_sm.czi",
        "czi_czitools/1_tileregion.czi",
        "czi_czitools/CellDivision_T3_Z5_CH2_X240_Y170.czi",
        "czi_czitools/newCZI_compressed.czi",
        "czi_aicspylibczi/c_tests/resources/tiles_z.czi",
    ],
)
def test_real_pixels(shared_data, name):
    aicspylibczi = pytest.importorskip("aicspylibczi")
    result = scan(shared_data / name)
    with open(shared_data / name, "rb") as file:
        compare(result, aicspylibczi.CziFile(file))


def compare(result, reference):
    axes = reference.dims
    tiles = [
        {"S": scene, "M": tile}
        for shape in reference.get_dims_shape()
        for scene in range(*shape.get("S", (0, 1)))
        for tile in range(*shape.get("M", (0, 1)))
    ]
    channels = [channel.name for channel in result.channels]
    reader = PlaneReader(result.root, result.reader)
    for row in result.planes.iloc[:: max(1, len(result.planes) // 40)].itertuples():
        place = {**tiles[row.series], "C": channels.index(row.channel), "Z": row.z, "T": row.t}
        expected, _ = reference.read_image(**{a: n for a, n in place.items() if a in axes})
        found = reader.read(row.path, row.series, row.page)
        assert np.array_equal(found, np.squeeze(expected))
    reader.close()
