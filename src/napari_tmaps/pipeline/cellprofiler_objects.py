"""Modules of CellProfiler that make objects, in our steps."""

from __future__ import annotations

import math

from napari_tmaps.errors import FormatError
from napari_tmaps.pipeline.cellprofiler import CPModule
from napari_tmaps.pipeline.cellprofiler_images import threshold
from napari_tmaps.pipeline.cellprofiler_modules import Draft, Rule

_PARTED = {"Intensity": "intensity", "Shape": "distance", "Propagate": "intensity"}


def _primary(draft: Draft, module: CPModule) -> None:
    image = draft.image(module.one("Select the input image"))
    name = module.one("Name the primary objects")
    low, high = module.numbers("Typical diameter", "10,40")[:2]
    basic = not module.yes("Use advanced settings", default=True)
    how = "Intensity" if basic else module.one("Method to distinguish", "Intensity")
    lines = "Intensity" if basic else module.one("Method to draw dividing lines", "Intensity")
    item = threshold(draft, module, name, image)
    holes = module.one("Fill holes", "After both")
    if basic or holes.startswith(("After both", "Thresholding", "Yes")):
        item = draft.step(
            f"fill_{name}", "fill", "filled_mask", {"mask": item}, max_hole_area=int(high**2)
        )
    elif holes == "After declumping only":
        draft.reasons.append("Holes stay: they are filled before objects are parted, or not.")
    if how == "None" or lines == "None":
        item = draft.step(f"label_{name}", "label", "label_image", {"mask": item}, connectivity=8)
    else:
        if how not in ("Intensity", "Shape"):
            draft.reasons.append(f"Clumps found by '{how}' are found by intensity.")
        by_shape = how == "Shape"
        sigma = low / 3.5
        if not basic and not module.yes("Automatically calculate size of smoothing", True):
            sigma = module.number_of("Size of smoothing filter", 10) / 2.35
        distance = low / 1.5
        if not basic and not module.yes("Automatically calculate minimum allowed", True):
            distance = module.number_of("Suppress local maxima", 7)
        wires = {"mask": item, "intensity_image": image}
        seeds = draft.step(
            f"seeds_{name}",
            "find_seeds",
            "seeds",
            wires,
            method="distance" if by_shape else "intensity",
            min_distance=max(1, round(distance)),
            smoothing=0.0 if by_shape else round(sigma, 2),
        )
        if lines not in _PARTED:
            draft.reasons.append(f"Lines drawn by '{lines}' are drawn by intensity.")
        item = draft.step(
            f"separate_{name}",
            "watershed",
            "watershed_label_image",
            {"seeds": seeds, **wires},
            energy=_PARTED.get(lines, "intensity"),
        )
        draft.reasons.append("Seeds and lines are found in the way of our modules.")
    size = module.yes("Discard objects outside the diameter", True)
    border = module.yes("Discard objects touching the border", True)
    if size or border:
        # Areas of circles with these diameters.
        areas = {
            "min_area": math.ceil(math.pi * low**2 / 4),
            "max_area": math.floor(math.pi * high**2 / 4),
        }
        item = draft.step(
            f"select_{name}",
            "remove_objects",
            "kept_label_image",
            {"mask": item},
            remove_border=border,
            **(areas if size else {}),
        )
    draft.register(name, item)


def _secondary(draft: Draft, module: CPModule) -> None:
    seeds = draft.made(module.one("Select the input objects"))
    name = module.one("Name the objects to be identified")
    method = module.one("Select the method to identify")
    if method.startswith("Distance"):
        n = int(module.number_of("Number of pixels by which", 10))
        inputs = {"image": seeds}
        item = draft.step(f"expand_{name}", "expand_or_shrink", "expanded_image", inputs, n=n)
        if method == "Distance - B":
            draft.reasons.append("Cells grow by the distance, also over the background.")
    else:
        image = draft.image(module.one("Select the input image"))
        mask = threshold(draft, module, name, image)
        both = draft.step(
            f"area_{name}",
            "combine_masks",
            "combined_mask",
            {"mask_1": mask, "mask_2": seeds},
            logical_operation="OR",
        )
        item = draft.step(
            f"grow_{name}",
            "watershed",
            "watershed_label_image",
            {"seeds": seeds, "mask": both, "intensity_image": image},
            energy="edges" if "Gradient" in method else "intensity",
        )
        draft.reasons.append(f"'{method}' became our watershed.")
        if module.yes("Fill holes in identified objects"):
            draft.reasons.append("Holes in them stay.")
    if module.yes("Discard secondary objects touching"):
        draft.reasons.append("Objects at the border are kept; features tell them (is_border).")
    draft.register(name, item)


def _tertiary(draft: Draft, module: CPModule) -> None:
    name = module.one("Name the tertiary objects")
    item = draft.step(
        f"subtract_{name}",
        "subtract_objects",
        "difference_label_image",
        {
            "outer": draft.made(module.one("Select the larger")),
            "inner": draft.made(module.one("Select the smaller")),
        },
        shrink=int(module.yes("Shrink smaller object", True)),
    )
    draft.register(name, item)


def _expand(draft: Draft, module: CPModule) -> None:
    name, how = module.one("Name the output objects"), module.one("Select the operation")
    if not how.endswith("by a specified number of pixels"):
        raise FormatError(f"'{how}' has no counterpart.")
    n = int(module.number_of("Number of pixels by which", 1))
    item = draft.step(
        f"resize_{name}",
        "expand_or_shrink",
        "expanded_image",
        {"image": draft.made(module.one("Select the input objects"))},
        n=n if how.startswith("Expand") else -n,
    )
    draft.register(name, item)


def _from_image(draft: Draft, module: CPModule) -> None:
    source, name = module.one("Select the input image"), module.one("Name the output object")
    if source in draft.masks:
        inputs = {"mask": draft.image(source)}
        item = draft.step(f"label_{name}", "label", "label_image", inputs, connectivity=8)
    else:
        inputs = {"input_image": draft.image(source)}
        item = draft.step(f"labels_{name}", "use_label_image", "label_image", inputs)
        draft.reasons.append("The image must hold labels.")
    draft.register(name, item)


_FEATURES = {
    "AreaShape_Area": "Morphology_Area",
    "AreaShape_Perimeter": "Morphology_Perimeter",
    "AreaShape_Eccentricity": "Morphology_Eccentricity",
    "AreaShape_Extent": "Morphology_Extent",
    "AreaShape_Solidity": "Morphology_Convexity",
    "AreaShape_FormFactor": "Morphology_Circularity",
    "AreaShape_MajorAxisLength": "Morphology_Major_Axis_Length",
    "AreaShape_MinorAxisLength": "Morphology_Minor_Axis_Length",
    "AreaShape_MaximumRadius": "Morphology_Maximum_Radius",
    "AreaShape_MeanRadius": "Morphology_Mean_Radius",
    "Intensity_MeanIntensity": "Intensity_mean",
    "Intensity_MaxIntensity": "Intensity_max",
    "Intensity_MinIntensity": "Intensity_min",
    "Intensity_StdIntensity": "Intensity_std",
    "Intensity_MedianIntensity": "Intensity_median",
    "Intensity_IntegratedIntensity": "Intensity_sum",
}


def _filter(draft: Draft, module: CPModule) -> None:
    name = module.one("Name the output objects")
    item = draft.made(module.one("Select the objects to filter") or module.one("Select the object"))
    mode = module.one("Select the filtering mode", "Measurements")
    if mode == "Image or mask border":
        inputs = {"mask": item}
        item = draft.step(
            f"select_{name}", "remove_objects", "kept_label_image", inputs, remove_border=True
        )
    elif mode != "Measurements" or module.one("Select the filtering method") != "Limits":
        raise FormatError(
            f"'{mode}' with '{module.one('Select the filtering method')}' has no counterpart."
        )
    else:
        limits = zip(
            module.all("Select the measurement to filter"),
            module.all("Filter using a minimum"),
            module.all("Minimum value"),
            module.all("Filter using a maximum"),
            module.all("Maximum value"),
            strict=False,
        )
        for measured, has_low, low, has_high, high in limits:
            stem = "_".join(measured.split("_")[:2])
            if stem not in _FEATURES:
                raise FormatError(f"objects cannot be filtered by '{measured}'.")
            inputs = {"mask": item}
            white = 1.0
            if stem.startswith("Intensity"):
                inputs["intensity_image"] = draft.image(measured.split("_", 2)[-1])
                white = draft.white
            given = {"lower_threshold": (has_low, low), "upper_threshold": (has_high, high)}
            item = draft.step(
                f"filter_{name}",
                "filter_by_feature",
                "kept_label_image",
                inputs,
                feature=_FEATURES[stem],
                **{key: float(value) * white for key, (on, value) in given.items() if on == "Yes"},
            )
    draft.register(name, item)


OBJECTS: dict[str, Rule] = {
    "IdentifyPrimaryObjects": _primary,
    "IdentifySecondaryObjects": _secondary,
    "IdentifyTertiaryObjects": _tertiary,
    "ExpandOrShrinkObjects": _expand,
    "ConvertImageToObjects": _from_image,
    "FilterObjects": _filter,
}
