"""Where modules and arguments of TissueMAPS differ from ours, in one place."""

from __future__ import annotations

MODULES = {"expand": "expand_or_shrink"}
"""Modules that once had another name."""

FIGURES_ONLY: dict[str, tuple[str, ...]] = {
    "apply_mask": ("plot_type",),
    "separate_clumps": (
        "intensity_image",
        "selection_test_mode",
        "selection_test_show_remaining",
    ),
    "separate_primary_iterative": ("plot_test_mode", "plot_perimeter_analysis"),
}
"""Arguments that change nothing but the figure of a module; we have none."""

FIGURE_TYPES = ("Plot", "Figure")

VERSIONS = {
    "apply_mask": "0.2.0",
    "clip": "0.1.0",
    "combine_channels": "0.0.2",
    "combine_masks": "0.0.2",
    "detect_blobs": "0.6.0",
    "expand_or_shrink": "0.1.1",
    "fill": "0.0.1",
    "filter": "0.2.0",
    "generate_volume_image": "0.1.0",
    "identify_spots_2D": "0.0.2",
    "identify_spots_3D": "0.0.1",
    "invert": "0.0.1",
    "label": "0.1.0",
    "measure_intensity": "0.1.1",
    "measure_morphology": "0.2.0",
    "measure_neighbours": "0.0.1",
    "measure_point_pattern": "0.1.1",
    "measure_texture": "0.3.1",
    "measure_volume_image": "0.0.4",
    "project": "0.1.0",
    "register_objects": "0.1.0",
    "register_objects_channel": "0.1.0",
    "relabel": "0.0.1",
    "rescale": "0.1.0",
    "segment_secondary": "0.0.3",
    "separate_clumps": "0.3.0",
    "separate_primary_iterative": "0.0.1",
    "smooth": "0.1.0",
    "threshold_adaptive": "0.2.0",
    "threshold_manual": "0.0.1",
    "threshold_otsu": "0.0.2",
    "use_label_image": "0.1.0",
}
"""The modules that TissueMAPS has, with the version that a project must name."""

MATLAB = ("identify_spots_2D", "identify_spots_3D", "separate_primary_iterative")

WITHOUT_FIGURE = ("register_objects", "register_objects_channel", "use_label_image")

SETTINGS: dict[str, tuple[str, ...]] = {
    "measure_intensity": ("aggregate",),
    "measure_morphology": ("measure_zernike", "aggregate"),
}
"""Settings of modules that have more of them here than in TissueMAPS."""
