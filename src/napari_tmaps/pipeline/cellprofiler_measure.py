"""Modules of CellProfiler that measure, in our steps."""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any

from napari_tmaps.errors import FormatError
from napari_tmaps.pipeline.cellprofiler import CPModule
from napari_tmaps.pipeline.cellprofiler_modules import Draft, Rule


def _listed(values: list[str]) -> list[str]:
    """Names, of which a setting may hold several; each once."""
    names = [name.strip() for value in values for name in value.split(",")]
    return list(dict.fromkeys(name for name in names if name and name != "None"))


def _images(module: CPModule) -> list[str]:
    return _listed(module.all("Select images to measure", "Select an image to measure"))


def _objects(module: CPModule) -> list[str]:
    return _listed(module.all("Select objects to measure", "Select object"))


def _measure(draft: Draft, module: str, name: str, images: list[str], **settings: Any) -> None:
    """A step for the objects and each image, or one without an image."""
    item = draft.made(name)
    wires = {"extract_objects": item, "assign_objects": item}
    for image in images:
        draft.step(
            f"{module}_{item}_{image}",
            module,
            "measurements",
            {**wires, "intensity_image": draft.image(image)},
            **settings,
        )
    if not images:
        draft.step(f"{module}_{item}", module, "measurements", wires, **settings)


def _wanted(module: CPModule, *, image: bool = True) -> tuple[list[str], list[str]]:
    objects, images = _objects(module), _images(module)
    if not objects or (image and not images):
        raise FormatError("nothing of objects is measured, only of whole images.")
    return objects, images


def _intensity(draft: Draft, module: CPModule) -> None:
    objects, images = _wanted(module)
    for name in objects:
        _measure(
            draft,
            "measure_intensity",
            name,
            images,
            measure_quantiles=True,
            measure_edge=True,
            measure_location=True,
        )


def _shape(draft: Draft, module: CPModule) -> None:
    objects, _ = _wanted(module, image=False)
    zernike = module.yes("Calculate the Zernike", True)
    for name in objects:
        _measure(draft, "measure_morphology", name, [], measure_zernike=zernike)


def _texture(draft: Draft, module: CPModule) -> None:
    objects, images = _wanted(module)
    scales = [int(float(value)) for value in module.all("Texture scale")] or [3]
    for name in objects:
        _measure(draft, "measure_texture", name, images, measure_haralick=True, scales=scales)
    draft.reasons.append("Haralick's features are the mean of the four directions.")


def _granularity(draft: Draft, module: CPModule) -> None:
    objects, images = _wanted(module)
    step = 1 / module.number_of("Subsampling factor for granularity", 0.25)
    background = 1 / module.number_of("Subsampling factor for background", 0.25)
    for name in objects:
        _measure(
            draft,
            "measure_granularity",
            name,
            images,
            sizes=int(module.number_of("Range of the granular", 16)),
            step=max(1, round(step)),
            background_step=max(1, round(background)),
            background_radius=int(module.number_of("Radius of structuring", 10)),
        )


def _colocalisation(draft: Draft, module: CPModule) -> None:
    objects, images = _wanted(module)
    percent = module.number_of("Set threshold as percentage", 15)
    for name in objects:
        item = draft.made(name)
        for one, other in combinations(images, 2):
            draft.step(
                f"measure_colocalisation_{item}_{one}_{other}",
                "measure_colocalisation",
                "measurements",
                {
                    "extract_objects": item,
                    "assign_objects": item,
                    "intensity_image": draft.image(one),
                    "other_image": draft.image(other),
                },
                threshold_percent=percent,
            )


def _neighbours(draft: Draft, module: CPModule) -> None:
    objects = _objects(module)
    others = _listed(module.all("Select neighboring objects"))
    method = module.one("Method to determine neighbors", "Adjacent")
    if others and others != objects:
        raise FormatError("neighbours of another type are not counted here.")
    distance = 1.0
    if method == "Within a specified distance":
        distance = module.number_of("Neighbor distance", 5)
    elif method != "Adjacent":
        draft.reasons.append(f"'{method}' became neighbours that touch.")
    for name in objects:
        n = max(1, round(distance))
        _measure(draft, "measure_neighbours", name, [], neighbour_distance=n)


def _radial(draft: Draft, module: CPModule) -> None:
    objects, images = _wanted(module)
    rings = int(module.number_of("Number of bins", 4))
    if "Self" not in (module.one("Object to use as center", "These objects"), "Self"):
        draft.reasons.append("Rings are around the centre of each object itself.")
    for name in objects:
        _measure(draft, "measure_radial_distribution", name, images, rings=rings)


def _relate(draft: Draft, module: CPModule) -> None:
    parent, child = module.one("Parent objects"), module.one("Child objects")
    outer, inner = draft.made(parent), draft.made(child)
    draft.step(
        f"parents_of_{inner}",
        "measure_parents",
        "measurements",
        {"extract_objects": inner, "assign_objects": inner, "parent_objects": outer},
    )
    cut = draft.step(
        f"relate_{inner}",
        "relate_objects",
        "related",
        {"children": inner, "parents": outer},
    )
    saved = module.yes("Do you want to save the children")
    name = module.one("Name the output object") if saved else f"{inner}_in_{outer}"
    draft.register(name, cut)
    if not saved:
        item = draft.objects.pop(name)  # for counting only
    else:
        item = draft.objects[name]
    wires = {"extract_objects": item, "assign_objects": outer}
    count = f"count_{re.sub('_in_.*', '', item)}"
    draft.step(count, "measure_morphology", "measurements", wires, aggregate=True)
    draft.reasons.append(f"Their number is '{item}_Count' of '{outer}'.")
    if module.yes("Calculate per-parent means"):
        draft.reasons.append("Means over children are those of their shape only.")
    if module.one("Calculate child-parent distances", "None") != "None":
        draft.reasons.append("Distances to parents are left out.")


MEASURES: dict[str, Rule] = {
    "MeasureObjectIntensity": _intensity,
    "MeasureObjectSizeShape": _shape,
    "MeasureTexture": _texture,
    "MeasureGranularity": _granularity,
    "MeasureColocalization": _colocalisation,
    "MeasureCorrelation": _colocalisation,
    "MeasureObjectNeighbors": _neighbours,
    "MeasureObjectIntensityDistribution": _radial,
    "RelateObjects": _relate,
}
