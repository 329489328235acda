"""Every module on planes and stacks of every type: it works, or it refuses in the user's words."""

from __future__ import annotations

import numpy as np
import pytest

from napari_tmaps.errors import InputError, PipelineError
from napari_tmaps.model.kinds import Kind
from napari_tmaps.modules import MODULES
from napari_tmaps.modules.describe import describe
from napari_tmaps.pipeline.checked import Step
from napari_tmaps.pipeline.run import call_step

TYPES = ("uint8", "uint16", "float32")
ANISOTROPIC = (2.0, 0.5, 0.25)


def site(depth: int, dtype: str) -> dict[Kind, np.ndarray]:
    """Three discs, balls in a stack, with the labels 3, 500 and 70,000."""
    shape = (depth or 1, 64, 72)
    z, y, x = np.indices(shape)
    labels = np.zeros(shape, np.int32)
    image = np.random.default_rng(0).integers(5, 15, shape)
    for label, (cy, cx) in ((500, (15, 15)), (3, (40, 50)), (70_000, (45, 20))):
        inside = (y - cy) ** 2 + (x - cx) ** 2 + 9 * (z - shape[0] // 2) ** 2 < 100
        labels[inside] = label
        image[inside] += 100 + x[inside]
    if not depth:
        labels, image = labels[0], image[0]
    return {
        Kind.INTENSITY_IMAGE: image.astype(dtype),
        Kind.MASK_IMAGE: labels > 0,
        Kind.LABEL_IMAGE: labels,
        Kind.SEGMENTED_OBJECTS: labels,
    }


def outcome(name: str, depth: int, dtype: str) -> str:
    """Empty if the module works; else what it says."""
    spec = describe(MODULES[name])
    values = site(depth, dtype)
    settings = spec.validate({})
    if spec.pixel_size:
        settings[spec.pixel_size] = ANISOTROPIC
    step = Step(
        number=1,
        name=name,
        spec=spec,
        inputs={wanted.name: wanted.name for wanted in spec.inputs},
        settings=settings,
        outputs={output.name: output.name for output in spec.outputs},
        target=None,
    )
    try:
        call_step(step, {wanted.name: values[wanted.kind] for wanted in spec.inputs}, (64, 72))
    except PipelineError as error:
        return str(error)
    return ""


# A stack and a plane together.
MIXED = ("generate_volume_image",)
NOT_THERE = {name for name in MODULES if describe(MODULES[name]).missing({"model": ""})}


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("depth", [0, 4])
@pytest.mark.parametrize("name", MODULES)
def test_it_works_or_refuses_in_words(name, depth, dtype):
    said = outcome(name, depth, dtype)
    for fault in (" failed with ", "mistake in the module"):
        assert fault not in said
    takes = describe(MODULES[name]).depth
    assert takes is not None, "its return type must say whether it takes planes and stacks"
    if dtype != "float32" and name not in (*NOT_THERE, *MIXED):
        assert bool(said) == (not (takes.stacks if depth else takes.planes)), said
    assert "Error" not in said


def test_stacks_are_registered_and_measured_with_pixels_that_are_no_cubes():
    labels = site(4, "uint16")[Kind.LABEL_IMAGE]
    objects = MODULES["register_objects"](labels)
    assert objects.dtype == np.int32
    np.testing.assert_array_equal(objects, labels)
    numbered = MODULES["register_objects"](labels > 0)
    assert np.unique(numbered).tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(numbered > 0, labels > 0)
    table = MODULES["measure_morphology_3D"](objects, objects, pixel_size_um=ANISOTROPIC)
    assert table.index.tolist() == [3, 500, 70_000]
    voxels = np.array([np.count_nonzero(labels == label) for label in table.index])
    (volume,) = (name for name in table.columns if "olume" in name and name.endswith("um3"))
    np.testing.assert_allclose(table[volume], voxels * 2.0 * 0.5 * 0.25, rtol=1e-9)


def test_float_images_become_16_bit_by_rescale():
    image = np.array([[-0.5, 0.0, 0.25], [0.5, 1.0, 7.0]], np.float32)
    found = MODULES["rescale"](image, min_value=0.0, max_value=1.0)
    assert found.dtype == np.uint16
    assert found.tolist() == [[0, 0, 16384], [32768, 65535, 65535]]
    with pytest.raises(InputError, match="NaN or infinite"):
        MODULES["rescale"](np.array([[np.nan]], np.float32))
    with pytest.raises(InputError, match="at least one pixel"):
        MODULES["rescale"](image[:0])
    with pytest.raises(InputError, match="type float64"):
        MODULES["rescale"](image.astype(float))
