"""Features of neighbours, parents, whole sites and stacks."""

from __future__ import annotations

from math import inf

from napari_tmaps.model.features.entry import Feature

_UNKNOWN = "the pixel size is not known"
_ALONE = "there are too few other objects"
_ORPHAN = "the object lies in no parent"
_LONELY = "the object lies in no parent, or alone"
_NO_OBJECTS = "no objects are given"


def _pattern(name: str, meaning: str, missing: str) -> tuple[Feature, Feature]:
    """A distance in pixels, and the same relative to the area of the parent."""
    return (
        Feature(f"PointPattern_{name.format('absolute')}", meaning, "px", missing=missing),
        Feature(
            f"PointPattern_{name.format('relative')}",
            f"{meaning} / area of the parent",
            "1/px",
            missing=missing,
        ),
    )


PLACES = (
    Feature("Neighbours_Neighbours_Count", "number of other objects within the distance"),
    Feature(
        "Neighbours_Fraction_Touching",
        "share of the outline pixels that have another object within the distance",
        high=1,
    ),
    Feature(
        "Neighbours_First_Closest_Distance",
        "from the centroid to the nearest other one",
        "px",
        missing=_ALONE,
    ),
    Feature(
        "Neighbours_Second_Closest_Distance",
        "from the centroid to the second nearest other one",
        "px",
        missing=_ALONE,
    ),
    Feature("Density_count", "number of other centroids within the radius"),
    Feature(
        "Density_per_mm2",
        "the same / area of the part of the circle that lies in the site",
        "1/mm²",
        missing=_UNKNOWN,
    ),
    Feature("Density_share_in_site", "that part of the circle", high=1),
    Feature(
        "Density_distance_{k}",
        "from the centroid to the k-th nearest other one",
        "px",
        missing=_ALONE,
    ),
    *_pattern("{}-distance-to-border", "to the nearest pixel outside the parent", _ORPHAN),
    *_pattern(
        "{}-distance-to-nearest-neighbor", "to the nearest other point of the parent", _LONELY
    ),
    *_pattern("mean-{}-distance-to-neighbors", "mean over the other points of the parent", _LONELY),
    *_pattern(
        "std-{}-distance-to-neighbors", "standard deviation over the same (population)", _LONELY
    ),
    Feature(
        "Parent_label",
        "label of the parent that shares most pixels; 0 where there is none",
        "label",
        cellprofiler="Parent_{item}",
    ),
    Feature("Parent_overlap", "share of the pixels that lie in it", high=1),
    Feature("Parent_siblings", "number of other objects with the same parent"),
    Feature(
        "Count",
        "number of the objects that lie in the object",
        cellprofiler="Children_Count",
    ),
    Feature(
        "Quality_power_slope",
        "slope of the power spectrum on logarithmic axes, frequencies 2 to an eighth of the side; "
        "the lower, the less in focus",
        source="Bray et al., Workflow and metrics for image quality control in large-scale "
        "high-content screens (2012)",
        low=-inf,
        missing="of a site without contrast, or of less than 40 pixels along a side",
    ),
    Feature(
        "Quality_laplacian_variance",
        "variance of 4 × pixel - its 4 neighbours; grows with sharpness",
        "intensity²",
        "Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy (2000)",
        missing="of a site of less than 3 pixels along a side",
    ),
    Feature("Quality_focus_score", "variance / mean", "intensity", missing="of a black site"),
    Feature("Quality_saturated_percent", "pixels of 255 or 65535", "%", high=100),
    Feature("Quality_brightest_percent", "pixels as bright as the brightest", "%", high=100),
    Feature("Quality_darkest_percent", "pixels as dark as the darkest", "%", high=100),
    Feature("Quality_objects", "number of objects", missing=_NO_OBJECTS),
    Feature("Quality_covered_percent", "area within objects", "%", "", 0, 100, _NO_OBJECTS),
    Feature(
        "Quality_debris_percent",
        "pixels outside objects that outshine 99 % of those within",
        "%",
        "",
        0,
        100,
        "there are no objects",
    ),
    Feature("Morphology3D_max_height", "largest height", "µm"),
    Feature("Morphology3D_mean_height", "mean height", "µm"),
    Feature("Morphology3D_volume_pL", "sum of the heights × area of a pixel", "pL"),
    Feature("Morphology3D_lower_surface_area", "area on the slide", "µm²"),
    Feature(
        "Morphology3D_upper_surface_area",
        "area of the triangles through the heights of the pixel centres",
        "µm²",
    ),
    Feature("Morphology3D_total_surface_area", "both together", "µm²"),
    Feature("Solid_Voxels", "number of voxels", low=1, cellprofiler="AreaShape_Volume"),
    Feature("Solid_Volume_um3", "volume of the voxels", "µm³", missing=_UNKNOWN),
    *(
        Feature(
            f"Solid_Centroid_{axis}",
            f"mean {axis} of the voxels",
            "px of the site" if axis != "z" else "planes",
            cellprofiler=f"AreaShape_Center_{axis.upper()}",
        )
        for axis in "zyx"
    ),
    Feature("Solid_Planes", "from the lowest to the highest", "planes", low=1),
    Feature(
        "Solid_Extent",
        "voxels / voxels of the bounding box",
        high=1,
        cellprofiler="AreaShape_Extent",
    ),
    Feature(
        "Solid_Major_Axis_um",
        "longest axis of the ellipsoid with the same second moments",
        "µm",
        missing=_UNKNOWN,
    ),
    Feature("Solid_Middle_Axis_um", "its middle axis", "µm", missing=_UNKNOWN),
    Feature("Solid_Minor_Axis_um", "its shortest axis", "µm", missing=_UNKNOWN),
    Feature(
        "Solid_Equivalent_Diameter_um",
        "diameter of the ball with the same volume",
        "µm",
        missing=_UNKNOWN,
    ),
    Feature(
        "Solid_Surface_um2",
        "area of the surface of marching cubes",
        "µm²",
        "Lewiner et al., Efficient implementation of marching cubes' cases with topological "
        "guarantees (2003), as in scikit-image",
        missing=_UNKNOWN,
    ),
    Feature(
        "Solid_Sphericity",
        "surface of the ball with the same volume / surface",
        "1",
        "Wadell, Volume, shape, and roundness of quartz particles (1935)",
        missing=_UNKNOWN,
    ),
)
