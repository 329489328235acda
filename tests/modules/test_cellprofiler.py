"""Features that mean the same as in CellProfiler, on its own objects and beside its own tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_tmaps.measure.agreement import object_f1
from napari_tmaps.model.features import cellprofiler_names, find
from napari_tmaps.modules import (
    detect_blobs,
    measure_geometry,
    measure_intensity,
    measure_morphology,
    measure_parents,
    measure_point_pattern,
    relate_objects,
)

SHAPE = {
    "Area": "Area",
    "Eccentricity": "Eccentricity",
    "Extent": "Extent",
    "Convexity": "Solidity",
    "Circularity": "FormFactor",
    "Perimeter": "Perimeter",
    "Equivalent_Diameter": "EquivalentDiameter",
    "Local_Centroid_x": "Center_X",
    "Local_Centroid_y": "Center_Y",
    "Major_Axis_Length": "MajorAxisLength",
    "Minor_Axis_Length": "MinorAxisLength",
    "Maximum_Radius": "MaximumRadius",
    "Mean_Radius": "MeanRadius",
    "Maximum_Feret_Diameter": "MaxFeretDiameter",
    "Minimum_Feret_Diameter": "MinFeretDiameter",
} | {f"Zernike-{n}-{m}": f"Zernike_{n}_{m}" for n in range(10) for m in range(n % 2, n + 1, 2)}

INTENSITY = {
    "max": "Intensity_MaxIntensity",
    "mean": "Intensity_MeanIntensity",
    "min": "Intensity_MinIntensity",
    "sum": "Intensity_IntegratedIntensity",
    "std": "Intensity_StdIntensity",
    "lower_quartile": "Intensity_LowerQuartileIntensity",
    "median": "Intensity_MedianIntensity",
    "upper_quartile": "Intensity_UpperQuartileIntensity",
    "mad": "Intensity_MADIntensity",
    "edge_max": "Intensity_MaxIntensityEdge",
    "edge_mean": "Intensity_MeanIntensityEdge",
    "edge_min": "Intensity_MinIntensityEdge",
    "edge_sum": "Intensity_IntegratedIntensityEdge",
    "edge_std": "Intensity_StdIntensityEdge",
    "mass_displacement": "Intensity_MassDisplacement",
    "center_x": "Location_CenterMassIntensity_X",
    "center_y": "Location_CenterMassIntensity_Y",
}
# CellProfiler takes rank n × share instead of (n - 1) × share: up to a rank higher.
RANKS = {"lower_quartile", "median", "upper_quartile", "mad"}
PLACES = {"mass_displacement", "center_x", "center_y", "max_x", "max_y"}


@pytest.fixture(scope="module")
def human(shared_data):
    return shared_data / "cp_reference" / "ExampleHuman"


def read(human, objects):
    (path,) = human.glob(f"*_LBL_{objects}.tiff")
    table = pd.read_csv(human / f"{objects}.csv").set_index("ObjectNumber")
    return tifffile.imread(path).astype(np.int32), table


def differences(ours, theirs, names):
    """Median relative difference of each feature."""
    return {
        name: float((abs(ours[name] - theirs[other]) / theirs[other].abs().clip(1e-9)).median())
        for name, other in names.items()
    }


@pytest.mark.parametrize("objects", ["Nuclei", "Cells"])
def test_shapes(human, objects):
    labels, theirs = read(human, objects)
    ours = measure_morphology(labels, labels, measure_zernike=True)
    assert ours.index.tolist() == theirs.index.tolist()
    names = {f"Morphology_{a}": f"AreaShape_{b}" for a, b in SHAPE.items()}
    for name, difference in differences(ours, theirs, names).items():
        assert difference < 1e-3, name


@pytest.mark.parametrize("objects", ["Nuclei", "Cells"])
@pytest.mark.parametrize(("channel", "file"), [("DNA", "d0"), ("PH3", "d1")])
def test_intensities(human, objects, channel, file):
    labels, theirs = read(human, objects)
    (path,) = (human.parents[1] / "cp_examples").rglob(f"AS_09125_050116030001_D03f00{file}*")
    image = tifffile.imread(path)
    ours = measure_intensity(
        labels,
        labels,
        image,
        measure_quantiles=True,
        measure_edge=True,
        measure_location=True,
    )
    # CellProfiler's intensities go from 0 to 1.
    scaled = [name for name in ours if name.removeprefix("Intensity_") not in PLACES]
    ours[scaled] /= 255
    names = {f"Intensity_{a}": f"{b}_{channel}" for a, b in INTENSITY.items()}
    for name, difference in differences(ours, theirs, names).items():
        rank = name.removeprefix("Intensity_") in RANKS
        assert difference < (2e-2 if rank else 1e-3), name
    # Where several pixels are brightest, CellProfiler takes any of them.
    y, x = (theirs[f"Location_MaxIntensity_{axis}_{channel}"].astype(int) for axis in "YX")
    np.testing.assert_array_equal(image[y, x], np.rint(ours["Intensity_max"] * 255))


def all_features(human, objects):
    """Everything that has a name of CellProfiler's, under that name."""
    labels, _ = read(human, objects)
    parts = [measure_morphology(labels, labels, measure_zernike=True)]
    parts.append(measure_geometry(labels, labels))
    for channel, file in (("DNA", "d0"), ("PH3", "d1")):
        (path,) = (human.parents[1] / "cp_examples").rglob(f"AS_09125_050116030001_D03f00{file}*")
        table = measure_intensity(
            labels,
            labels,
            tifffile.imread(path),
            measure_quantiles=True,
            measure_edge=True,
            measure_location=True,
        )
        for name in table:
            if find(name).feature.unit == "intensity":
                table[name] /= 255  # CellProfiler's intensities go from 0 to 1
        parts.append(table.add_suffix(f"_{channel}"))
    for other in ("Nuclei", "Cells"):
        if other != objects:
            parents, _ = read(human, other)
            parts.append(measure_parents(labels, labels, parents).add_suffix(f"_{other}"))
    for other in ("Cells", "Cytoplasm", "PH3"):
        if objects == "Nuclei":
            children = relate_objects(read(human, other)[0], labels)
            count = measure_intensity(children, labels, labels.astype(np.uint16), aggregate=True)
            parts.append(count[["Count"]].add_prefix(f"{other}_"))
    table = pd.concat(parts, axis=1)
    return table.rename(columns=cellprofiler_names(table.columns))


@pytest.mark.parametrize(("objects", "least"), [("Nuclei", 91), ("Cells", 89), ("Cytoplasm", 89)])
def test_columns_of_the_same_name_are_the_same(human, objects, least):
    """By the dictionary's names; shown as a table with `pytest -s`."""
    _, theirs = read(human, objects)
    ours = all_features(human, objects)
    names = [name for name in theirs if name in ours and "Location_MaxIntensity" not in name]
    assert len(names) >= least
    found = differences(ours, theirs, {name: name for name in names})
    exact = {name: ((ours[name] - theirs[name]).abs() < 1e-6).mean() for name in names}
    print(f"\n{objects}: median relative difference, share of objects within 1e-6")
    for name, difference in found.items():
        print(f"  {name:50} {difference:8.1e} {exact[name]:6.3f}")
    for name, difference in found.items():
        rank = any(word in name for word in ("Quartile", "Median", "MAD")) and "Radius" not in name
        assert difference < (2e-2 if rank else 1e-3), name


@pytest.fixture(scope="module")
def speckles(shared_data):
    folder = shared_data / "cp_reference" / "ExampleSpeckles"
    nuclei = tifffile.imread(folder / "1-162hrhoe2_LBL_Nuclei.tiff").astype(np.int32)
    foci = tifffile.imread(folder / "1-162hrhoe2_LBL_h2ax.tiff").astype(np.int32)
    stain = shared_data / "cp_examples" / "ExampleSpeckles" / "images" / "1-162hrh2ax2.tif"
    return nuclei, foci, tifffile.imread(stain), pd.read_csv(folder / "Nuclei.csv")


def test_foci_of_each_nucleus_are_counted(speckles):
    nuclei, foci, _, table = speckles
    ours = measure_point_pattern(foci, nuclei, nuclei, aggregate=True)
    assert ours["Count"].tolist() == table["Children_h2ax_Count"].tolist()


def test_means_over_the_foci_of_each_nucleus(speckles):
    nuclei, foci, stain, theirs = speckles
    related = relate_objects(foci, nuclei)
    table = measure_intensity(
        related, nuclei, stain, measure_quantiles=True, measure_location=True, aggregate=True
    )
    table = table.add_prefix("h2ax_").add_suffix("_OrigGreen")
    table = table.rename(columns=cellprofiler_names(table.columns))
    # The camera has 12 bits. Foci at the edge of a nucleus are measured within it, few of 152.
    compared = 0
    for name in theirs:
        what = name.removeprefix("Mean_h2ax_").split("_")[0]
        if name in table and what == "Intensity" and "Edge" not in name:
            ours = table[name] / (1 if "Displacement" in name else 4095)
            difference = (ours.to_numpy() - theirs[name]).abs() / theirs[name].abs()
            rank = any(word in name for word in ("Quartile", "Median", "MAD"))
            assert difference.median() < (5e-2 if rank else 1e-3), name
            compared += 1
    assert compared == 10


def test_foci_are_found(speckles):
    """Beside CellProfiler's 152 foci, which it found with settings for this image."""
    nuclei, foci, stain, _ = speckles
    blobs = detect_blobs(stain, nuclei, threshold=6.0, mean_area=9, min_area=3).blobs
    agreement = object_f1(foci, blobs, 0.3)
    assert agreement.recall > 0.9
    assert agreement.f1 > 0.75
