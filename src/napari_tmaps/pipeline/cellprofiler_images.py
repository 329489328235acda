"""Modules of CellProfiler that make images and masks."""

from __future__ import annotations

import math

from napari_tmaps.errors import FormatError
from napari_tmaps.pipeline.cellprofiler import CPModule
from napari_tmaps.pipeline.cellprofiler_modules import Draft, Rule


def threshold(draft: Draft, module: CPModule, name: str, item: str) -> str:
    """The settings that all thresholding modules share; returns the mask."""
    mask = draft.masked.get(item)
    strategy = module.one("Threshold strategy", "Global")
    methods = module.all("Thresholding method") or ["Minimum Cross-Entropy"]
    basic = not module.yes("Use advanced settings", default=True)
    chosen = methods[-1] if strategy == "Adaptive" else methods[0]
    method = "minimum cross-entropy" if basic else chosen.lower()
    low, high = module.numbers("Lower and upper bounds", "0,1")[:2]
    limits = {
        "correction_factor": 1.0 if basic else module.number_of("Threshold correction factor", 1),
        "min_threshold": 0.0 if basic else low * draft.white,
        "max_threshold": 65535.0 if basic or high >= 1 else high * draft.white,
    }
    sigma = module.number_of("Threshold smoothing scale", 0) / 0.6744 / 2
    sigma = 1.0 if basic else round(sigma, 3)
    if "manual" in method:
        if sigma:
            item = smoothed(draft, f"smooth_{name}", item, sigma)
        value = module.number_of("Manual threshold", 0) * draft.white
        return draft.step(
            f"threshold_{name}", "threshold_manual", "mask", {"image": item}, threshold=value
        )
    if "otsu" in method:
        three = module.one("Two-class or three-class").startswith("Three")
        middle = module.one("Assign pixels in the middle").lower()
        ours = ("otsu_3_lower" if middle == "foreground" else "otsu_3_upper") if three else "otsu"
    elif "robust" in method:
        ours = "robust_background"
        usual = ("Lower outlier", 0.05), ("Upper outlier", 0.05), ("# of deviations", 2.0)
        if any(module.number_of(text, value) != value for text, value in usual):
            draft.reasons.append("Outliers are 5 % at either end, with 2 deviations.")
    else:
        ours = "minimum_cross_entropy"
        if not ("cross" in method or "entropy" in method):
            draft.reasons.append(f"The threshold '{chosen}' became minimum cross-entropy.")
    if strategy == "Adaptive" and not basic:
        if mask:
            draft.reasons.append(
                "The local threshold counts the pixels outside the mask as 0, where CellProfiler "
                "leaves them out."
            )
        if ours not in ("otsu", "minimum_cross_entropy", "sauvola"):
            draft.reasons.append(f"The local threshold '{chosen}' became Otsu.")
            ours = "otsu"
        if sigma:
            item = smoothed(draft, f"smooth_{name}", item, sigma)
        window = int(module.number_of("Size of adaptive window", 50)) | 1
        return draft.step(
            f"threshold_{name}",
            "threshold_local",
            "mask",
            {"image": item},
            method=ours,
            window=max(window, 3),
            **limits,
        )
    return draft.step(
        f"threshold_{name}",
        "threshold_global",
        "mask",
        {"image": item, "mask": mask} if mask else {"image": item},
        method=ours,
        smoothing=sigma,
        **limits,
    )


def smoothed(draft: Draft, name: str, item: str, sigma: float) -> str:
    """Gaussian blur; the nearest width that there is."""
    size = max(1, round(sigma))
    if abs(size - sigma) > 0.05:
        draft.reasons.append(f"Blurred by {size} instead of {sigma:g} pixels.")
    return draft.step(
        name,
        "smooth",
        "smoothed_image",
        {"image": item},
        filter_name="gaussian",
        filter_size=size,
    )


def _names_and_types(draft: Draft, module: CPModule) -> None:
    images = module.all("Name to assign these images")
    objects = module.all("Name to assign these objects")
    kinds = module.all("Select the image type")
    if module.one("Assign a name to") == "Images matching rules" and len(images) > 1:
        images, kinds = images[1:], kinds[-(len(images) - 1) :]
    for number, kind in enumerate(kinds):
        if kind == "Objects" and number < len(objects):
            draft.given.append(objects[number])
            draft.objects[objects[number]] = objects[number]
        elif number < len(images):
            draft.channels.setdefault(images[number], False)
            if "Color" in kind:
                draft.reasons.append(f"'{images[number]}' should be a channel without colours.")


def _correct(draft: Draft, module: CPModule) -> None:
    for source, target in zip(
        module.all("Select the input image"), module.all("Name the output image"), strict=False
    ):
        item = draft.image(source)
        if item not in draft.channels:
            raise FormatError(f"'{source}' is no channel, and only channels are corrected.")
        draft.channels[item] = True
        draft.images[target] = item
    draft.reasons.append("The illumination is that of the workflow (correct: true).")


def _smooth(draft: Draft, module: CPModule) -> None:
    kind = {"GaussianFilter": "Gaussian Filter", "MedianFilter": "Median Filter"}.get(
        module.name, module.one("Select smoothing method", "Gaussian Filter")
    )
    target, item = module.one("Name the output image"), draft.image(module.one("Select the input"))
    if module.name == "Smooth":
        size = module.number_of("Typical artifact diameter", 16)
        sigma = size / 2.35
    else:
        size = module.number_of("Window" if module.name == "MedianFilter" else "Sigma", 3)
        sigma = size
    if "Gaussian" in kind:
        draft.images[target] = smoothed(draft, f"smooth_{target}", item, sigma)
        return
    if "Median" not in kind:
        draft.reasons.append(f"'{kind}' became a median filter.")
    draft.images[target] = draft.step(
        f"smooth_{target}",
        "smooth",
        "smoothed_image",
        {"image": item},
        filter_name="median",
        filter_size=max(1, round(size)) | 1,
    )


def _enhance(draft: Draft, module: CPModule) -> None:
    what, kind = module.one("Select the operation"), module.one("Feature type")
    if what != "Enhance" or kind not in ("Speckles", "Dark holes"):
        raise FormatError(f"'{what} {kind}' has no counterpart.")
    target = module.one("Name the output image")
    operation = "white_top_hat" if kind == "Speckles" else "black_top_hat"
    size = module.number_of("Feature size", 10) if kind == "Speckles" else 10
    draft.images[target] = draft.step(
        f"enhance_{target}",
        "morph_image",
        "morphed_image",
        {"image": draft.image(module.one("Select the input image"))},
        operation=operation,
        radius=max(1, round(size / 2)),
    )


def _mask(draft: Draft, module: CPModule) -> None:
    target = module.one("Name the output image")
    if module.yes("Invert the mask"):
        raise FormatError("masks cannot be inverted here.")
    if module.one("Use objects or an image").startswith("Objects"):
        mask = draft.made(module.one("Select object for mask"))
    else:
        mask = draft.image(module.one("Select image for mask"))
    inputs = {"image": draft.image(module.one("Select the input image")), "mask": mask}
    draft.images[target] = draft.step(f"mask_{target}", "apply_mask", "masked_image", inputs)
    draft.masked[draft.images[target]] = mask


def _threshold(draft: Draft, module: CPModule) -> None:
    target = module.one("Name the output image")
    item = draft.image(module.one("Select the input image"))
    draft.images[target] = threshold(draft, module, target, item)
    draft.masks.add(target)


def _morphology(draft: Draft, module: CPModule) -> None:
    source, target = module.one("Select the input image"), module.one("Name the output image")
    operation = {"Opening": "open", "Closing": "close", "ErodeImage": "erode"}.get(
        module.name, "dilate"
    )
    shape, _, size = module.one("Structuring element", "Disk,1").partition(",")
    radius = float(size or 1)
    if shape.lower() not in ("disk", "ball"):
        draft.reasons.append(f"The element '{shape}' became a disk.")
    item = draft.image(source)
    if source in draft.masks:
        draft.masks.add(target)
        draft.images[target] = draft.step(
            f"{operation}_{target}",
            "morph_mask",
            "morphed_mask",
            {"mask": item},
            operation=operation,
            radius=max(radius, 0.5),
        )
        return
    draft.images[target] = draft.step(
        f"{operation}_{target}",
        "morph_image",
        "morphed_image",
        {"image": item},
        operation=operation,
        radius=max(1, round(radius)),
    )


def _rescale(draft: Draft, module: CPModule) -> None:
    method = module.one("Rescaling method")
    if not method.startswith("Choose specific values to be reset to the full"):
        raise FormatError(f"'{method}' depends on the whole image; ours has fixed limits.")
    low, high = module.numbers("Intensity range for the input image", "0,1")[:2]
    target = module.one("Name the output image")
    draft.images[target] = draft.step(
        f"rescale_{target}",
        "rescale",
        "rescaled_image",
        {"intensity_image": draft.image(module.one("Select the input image"))},
        min_value=low * draft.white,
        max_value=max(1.0, (high - low) * draft.white),
    )


def _fill(draft: Draft, module: CPModule) -> None:
    target, source = module.one("Name the output image"), module.one("Select the input image")
    if source not in draft.masks:
        raise FormatError(f"'{source}' is no mask.")
    size = module.number_of("Minimum hole size", 1)
    draft.masks.add(target)
    draft.images[target] = draft.step(
        f"fill_{target}",
        "fill",
        "filled_mask",
        {"mask": draft.image(source)},
        max_hole_area=math.ceil(size),
    )


IMAGES: dict[str, Rule] = {
    "NamesAndTypes": _names_and_types,
    "CorrectIlluminationApply": _correct,
    "Smooth": _smooth,
    "GaussianFilter": _smooth,
    "MedianFilter": _smooth,
    "EnhanceOrSuppressFeatures": _enhance,
    "MaskImage": _mask,
    "Threshold": _threshold,
    "Opening": _morphology,
    "Closing": _morphology,
    "ErodeImage": _morphology,
    "DilateImage": _morphology,
    "RescaleIntensity": _rescale,
    "RemoveHoles": _fill,
}
