"""The analysis modules: typed, pure functions; images in, an image or a table out.

`MODULES` are ours; `known_modules()` are these and those of the user (see own.py).

Heavy libraries are imported when a module runs, so that this list costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_tmaps.modules.apply_mask import apply_mask
from napari_tmaps.modules.classify_pixels import classify_pixels
from napari_tmaps.modules.clip import clip
from napari_tmaps.modules.combine_channels import combine_channels
from napari_tmaps.modules.combine_masks import combine_masks
from napari_tmaps.modules.denoise import denoise
from napari_tmaps.modules.detect_blobs import detect_blobs
from napari_tmaps.modules.enhance_contrast import enhance_contrast
from napari_tmaps.modules.expand_or_shrink import expand_or_shrink
from napari_tmaps.modules.fill import fill
from napari_tmaps.modules.filter import filter  # noqa: A004 - the name that its users know
from napari_tmaps.modules.filter_by_feature import filter_by_feature
from napari_tmaps.modules.find_seeds import find_seeds
from napari_tmaps.modules.find_spots import find_spots
from napari_tmaps.modules.generate_volume_image import generate_volume_image
from napari_tmaps.modules.identify_spots_2D import identify_spots_2D
from napari_tmaps.modules.identify_spots_3D import identify_spots_3D
from napari_tmaps.modules.image_math import image_math
from napari_tmaps.modules.invert import invert
from napari_tmaps.modules.label import label
from napari_tmaps.modules.measure_colocalisation import measure_colocalisation
from napari_tmaps.modules.measure_density import measure_density
from napari_tmaps.modules.measure_geometry import measure_geometry
from napari_tmaps.modules.measure_granularity import measure_granularity
from napari_tmaps.modules.measure_intensity import measure_intensity
from napari_tmaps.modules.measure_intensity_3D import measure_intensity_3D
from napari_tmaps.modules.measure_morphology import measure_morphology
from napari_tmaps.modules.measure_morphology_3D import measure_morphology_3D
from napari_tmaps.modules.measure_neighbours import measure_neighbours
from napari_tmaps.modules.measure_parents import measure_parents
from napari_tmaps.modules.measure_point_pattern import measure_point_pattern
from napari_tmaps.modules.measure_radial_distribution import measure_radial_distribution
from napari_tmaps.modules.measure_site_quality import measure_site_quality
from napari_tmaps.modules.measure_skeleton import measure_skeleton
from napari_tmaps.modules.measure_texture import measure_texture
from napari_tmaps.modules.measure_volume_image import measure_volume_image
from napari_tmaps.modules.merge_objects import merge_objects
from napari_tmaps.modules.morph_image import morph_image
from napari_tmaps.modules.morph_mask import morph_mask
from napari_tmaps.modules.project import project
from napari_tmaps.modules.register_objects import register_objects
from napari_tmaps.modules.register_objects_channel import register_objects_channel
from napari_tmaps.modules.relabel import relabel
from napari_tmaps.modules.relate_objects import relate_objects
from napari_tmaps.modules.remove_objects import remove_objects
from napari_tmaps.modules.rescale import rescale
from napari_tmaps.modules.segment_cellpose import segment_cellpose
from napari_tmaps.modules.segment_instanseg import segment_instanseg
from napari_tmaps.modules.segment_secondary import segment_secondary
from napari_tmaps.modules.segment_stardist import segment_stardist
from napari_tmaps.modules.separate_clumps import separate_clumps
from napari_tmaps.modules.separate_primary_iterative import separate_primary_iterative
from napari_tmaps.modules.separate_touching import separate_touching
from napari_tmaps.modules.show_clumps import show_clumps
from napari_tmaps.modules.smooth import smooth
from napari_tmaps.modules.split_objects import split_objects
from napari_tmaps.modules.subtract_background import subtract_background
from napari_tmaps.modules.subtract_objects import subtract_objects
from napari_tmaps.modules.threshold_adaptive import threshold_adaptive
from napari_tmaps.modules.threshold_global import threshold_global
from napari_tmaps.modules.threshold_local import threshold_local
from napari_tmaps.modules.threshold_manual import threshold_manual
from napari_tmaps.modules.threshold_objects import threshold_objects
from napari_tmaps.modules.threshold_otsu import threshold_otsu
from napari_tmaps.modules.use_label_image import use_label_image
from napari_tmaps.modules.watershed import watershed
from napari_tmaps.modules.whole_site import whole_site

CATEGORIES: dict[str, tuple[Callable[..., Any], ...]] = {
    "image": (
        smooth,
        denoise,
        subtract_background,
        morph_image,
        enhance_contrast,
        project,
        rescale,
        invert,
        combine_channels,
        image_math,
        apply_mask,
    ),
    "threshold": (
        threshold_manual,
        threshold_otsu,
        threshold_adaptive,
        threshold_global,
        threshold_local,
        threshold_objects,
    ),
    "mask": (fill, morph_mask, combine_masks, clip),
    "label": (
        label,
        relabel,
        filter,
        expand_or_shrink,
        use_label_image,
        relate_objects,
        filter_by_feature,
        remove_objects,
        split_objects,
        merge_objects,
        subtract_objects,
    ),
    "segment": (
        separate_clumps,
        show_clumps,
        separate_touching,
        separate_primary_iterative,
        find_seeds,
        watershed,
        segment_secondary,
    ),
    "learned": (classify_pixels, segment_cellpose, segment_stardist, segment_instanseg),
    "spots": (detect_blobs, find_spots, identify_spots_2D, identify_spots_3D),
    "register": (register_objects, register_objects_channel, whole_site),
    "measure": (
        measure_intensity,
        measure_morphology,
        measure_texture,
        measure_radial_distribution,
        measure_granularity,
        measure_colocalisation,
        measure_neighbours,
        measure_point_pattern,
        measure_volume_image,
        measure_geometry,
        measure_skeleton,
        measure_density,
        measure_parents,
        measure_site_quality,
        measure_morphology_3D,
        measure_intensity_3D,
    ),
    "volume": (generate_volume_image,),
}

MODULES: dict[str, Callable[..., Any]] = {
    module.__name__: module for modules in CATEGORIES.values() for module in modules
}


def known_modules() -> dict[str, Callable[..., Any]]:
    """Our modules, then those in the folders that the user named and of installed packages."""
    from napari_tmaps.modules.own import own_modules

    return {**MODULES, **own_modules(MODULES).functions}


def known_categories() -> dict[str, tuple[Callable[..., Any], ...]]:
    """The same by category; those of the user stand under "own"."""
    from napari_tmaps.modules.own import CATEGORY, own_modules

    own = tuple(own_modules(MODULES).functions.values())
    return {**CATEGORIES, CATEGORY: own} if own else CATEGORIES


def __getattr__(name: str) -> Any:
    # So that the script of a pipeline imports the user's modules as it does ours.
    if not name.startswith("_"):
        own = known_modules()
        if name in own:
            return own[name]
    raise AttributeError(f"module 'napari_tmaps.modules' has no attribute '{name}'")
