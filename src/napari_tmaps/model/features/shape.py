"""Features of size, shape and position."""

from __future__ import annotations

from math import inf

from napari_tmaps.model.features.entry import Feature

_SCIKIT = "scikit-image, regionprops"
_PERIMETER = (
    "Benkrid and Crookes, Design and FPGA implementation of a perimeter estimator (2000); "
    "scikit-image, perimeter with 4 neighbours"
)
_FERET = "Feret, La grosseur des grains des matières pulvérulentes (1930)"
_UNKNOWN = "the pixel size is not known"
_NOT_SQUARE = f"{_UNKNOWN}, or pixels are not square"

SHAPE = (
    Feature(
        "Morphology_Local_Centroid_x",
        "mean x of the pixels",
        "px of the site",
        cellprofiler="AreaShape_Center_X",
    ),
    Feature(
        "Morphology_Local_Centroid_y",
        "mean y of the pixels",
        "px of the site",
        cellprofiler="AreaShape_Center_Y",
    ),
    Feature("Morphology_Area", "number of pixels", "px²", low=1, cellprofiler="AreaShape_Area"),
    Feature(
        "Morphology_Perimeter",
        "length of the line through the outermost pixels",
        "px",
        _PERIMETER,
        cellprofiler="AreaShape_Perimeter",
    ),
    Feature(
        "Morphology_Eccentricity",
        "√(1 - minor² / major²) of the ellipse with the same second moments; 0 for a circle",
        source=_SCIKIT,
        high=1,
        cellprofiler="AreaShape_Eccentricity",
    ),
    Feature(
        "Morphology_Extent",
        "area / area of the bounding box",
        source=_SCIKIT,
        high=1,
        cellprofiler="AreaShape_Extent",
    ),
    Feature(
        "Morphology_Convexity",
        "area / area of the convex hull",
        source=_SCIKIT,
        high=1,
        cellprofiler="AreaShape_Solidity",
    ),
    Feature(
        "Morphology_Circularity",
        "4π × area / perimeter²; 1 for a disc, above for objects of few pixels",
        missing="there is no perimeter: single pixels and pairs",
        cellprofiler="AreaShape_FormFactor",
    ),
    Feature(
        "Morphology_Roundness",
        "p² / (4π × area), p the number of pixels on the outline; small for round objects",
        source="TissueMAPS",
    ),
    Feature(
        "Morphology_Elongation",
        "(major - minor) / major axis",
        high=1,
        missing="of a single pixel",
    ),
    Feature(
        "Morphology_Equivalent_Diameter",
        "√(4 × area / π), the diameter of the disc with the same area",
        "px",
        cellprofiler="AreaShape_EquivalentDiameter",
    ),
    Feature(
        "Morphology_Major_Axis_Length",
        "long axis of the ellipse with the same second moments, 4 × √ of the larger variance",
        "px",
        _SCIKIT,
        cellprofiler="AreaShape_MajorAxisLength",
    ),
    Feature(
        "Morphology_Minor_Axis_Length",
        "its short axis",
        "px",
        _SCIKIT,
        cellprofiler="AreaShape_MinorAxisLength",
    ),
    Feature(
        "Morphology_Maximum_Radius",
        "largest distance of a pixel to the nearest one outside the object",
        "px",
        low=1,
        cellprofiler="AreaShape_MaximumRadius",
    ),
    Feature(
        "Morphology_Mean_Radius",
        "mean distance of the pixels to the nearest one outside the object",
        "px",
        low=1,
        cellprofiler="AreaShape_MeanRadius",
    ),
    Feature(
        "Morphology_Maximum_Feret_Diameter",
        "largest distance of two parallel lines around the pixel centres",
        "px",
        _FERET,
        cellprofiler="AreaShape_MaxFeretDiameter",
    ),
    Feature(
        "Morphology_Minimum_Feret_Diameter",
        "smallest distance of two such lines",
        "px",
        _FERET,
        cellprofiler="AreaShape_MinFeretDiameter",
    ),
    Feature(
        "Morphology_Zernike-{n}-{m}",
        "magnitude of the Zernike moment of order n and repetition m in the smallest circle around "
        "the pixel centres / area of the circle",
        source="Zernike (1934); the circle as in CellProfiler",
        missing="of a single pixel",
        cellprofiler="AreaShape_Zernike_{n}_{m}",
    ),
    Feature("Geometry_Area_um2", "area", "µm²", missing=_UNKNOWN),
    Feature(
        "Geometry_Equivalent_Diameter_um",
        "diameter of the disc with the same area",
        "µm",
        missing=_UNKNOWN,
    ),
    Feature(
        "Geometry_Major_Axis_Length_um",
        "long axis of the ellipse with the same second moments",
        "µm",
        missing=_UNKNOWN,
    ),
    Feature("Geometry_Minor_Axis_Length_um", "its short axis", "µm", missing=_UNKNOWN),
    Feature("Geometry_Centroid_y_um", "mean y, from the first row", "µm", missing=_UNKNOWN),
    Feature("Geometry_Centroid_x_um", "mean x, from the first column", "µm", missing=_UNKNOWN),
    Feature("Geometry_Perimeter_um", "as Morphology_Perimeter", "µm", missing=_NOT_SQUARE),
    Feature(
        "Geometry_Maximum_Feret_Diameter_um",
        "as Morphology_Maximum_Feret_Diameter",
        "µm",
        missing=_NOT_SQUARE,
    ),
    Feature(
        "Geometry_Minimum_Feret_Diameter_um",
        "as Morphology_Minimum_Feret_Diameter",
        "µm",
        missing=_NOT_SQUARE,
    ),
    Feature(
        "Geometry_Maximum_Radius_um", "as Morphology_Maximum_Radius", "µm", missing=_NOT_SQUARE
    ),
    Feature(
        "Geometry_Orientation",
        "angle from the y axis to the major axis; positive where it goes down to the right",
        "°",
        _SCIKIT,
        -90,
        90,
        "there is no longer axis: discs, squares, single pixels",
        "AreaShape_Orientation",
    ),
    Feature(
        "Geometry_Convex_Area",
        "pixels of the convex hull around the middles of the pixels' edges",
        "px²",
        _SCIKIT,
        1,
        cellprofiler="AreaShape_ConvexArea",
    ),
    Feature(
        "Geometry_Compactness",
        "perimeter² / (4π × area), 1 / circularity",
        cellprofiler="AreaShape_Compactness",
    ),
    Feature(
        "Geometry_Median_Radius",
        "median distance of the pixels to the nearest one outside the object",
        "px",
        low=1,
        cellprofiler="AreaShape_MedianRadius",
    ),
    Feature(
        "Geometry_Euler_Number",
        "parts (by sides and corners) less holes",
        source="Gray, Local properties of binary images in two dimensions (1971)",
        low=-inf,
        cellprofiler="AreaShape_EulerNumber",
    ),
    Feature(
        "Geometry_Top",
        "first row",
        "px of the site",
        cellprofiler="AreaShape_BoundingBoxMinimum_Y",
    ),
    Feature(
        "Geometry_Left",
        "first column",
        "px of the site",
        cellprofiler="AreaShape_BoundingBoxMinimum_X",
    ),
    Feature(
        "Geometry_Bottom",
        "first row below",
        "px of the site",
        low=1,
        cellprofiler="AreaShape_BoundingBoxMaximum_Y",
    ),
    Feature(
        "Geometry_Right",
        "first column to the right",
        "px of the site",
        low=1,
        cellprofiler="AreaShape_BoundingBoxMaximum_X",
    ),
    *(
        Feature(
            f"Skeleton_{name}",
            meaning,
            unit,
            "Guo and Hall, Parallel thinning with two-subiteration algorithms (1989)",
            missing=missing,
        )
        for name, meaning, unit, missing in (
            ("length", "of the skeleton; steps to a side count 1, to a corner √2", "px", ""),
            ("length_um", "the same in micrometers", "µm", _UNKNOWN),
            ("branch_points", "places where three or more lines meet", "1", ""),
            ("end_points", "ends of lines, other than at a seed", "1", ""),
            ("trunks", "lines that begin at a seed; 0 without seeds", "1", ""),
        )
    ),
)
