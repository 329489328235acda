"""A classifier of pixels: its features, its training, its file, its use."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import ndimage
from sklearn.ensemble import RandomForestClassifier

from napari_tmaps.errors import FormatError, InputError, NotFoundError, PipelineError
from napari_tmaps.measure.forest import predict
from napari_tmaps.measure.pixel_features import KINDS, pixel_features
from napari_tmaps.modules.classify_pixels import classify_pixels
from napari_tmaps.modules.describe import describe
from napari_tmaps.modules.pixel_model import AboutModel, load_model, save_model
from napari_tmaps.modules.pixel_training import forest_of, train_pixels
from napari_tmaps.pipeline import check, load_pipeline

PIPELINE = """
name: painted
input:
  channels: [{name: DAPI}]
pipeline:
  - {name: pixels, module: classify_pixels, inputs: {image: DAPI}, settings: {model: MODEL}}
  - {name: register, module: register_objects, inputs: {mask: pixels.mask},
     outputs: {objects: Nuclei}}
output:
  objects: [{name: Nuclei}]
"""


def picture(seed: int = 0, shape: tuple[int, int] = (96, 128)) -> tuple[np.ndarray, np.ndarray]:
    """A noisy image whose right half is striped, with the same mean; and where the stripes are."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape)
    striped = x >= shape[1] // 2
    image = 1000 + np.where(striped, 400 * np.sin(y / 1.5), 0) + rng.normal(0, 60, shape)
    return image.astype(np.uint16), striped


@pytest.fixture(scope="module")
def painted():
    image, striped = picture()
    strokes = np.zeros(image.shape, np.uint8)
    strokes[20:24, 10:50] = 1
    strokes[40:44, 80:120] = 2
    return image, strokes, striped


@pytest.fixture(scope="module")
def model(painted):
    image, strokes, _ = painted
    return train_pixels(
        [[image]], [strokes], channels=["DAPI"], classes=["plain", "striped"], sigmas=(1.0, 2.5)
    )


@pytest.fixture
def path(model, tmp_path):
    save_model(model, tmp_path / "stripes.npz")
    return tmp_path / "stripes.npz"


def test_features_are_those_of_scipy():
    image, _ = picture(3, (50, 61))
    sigma = 2.0
    found = dict(zip(KINDS, pixel_features(image, [1.0, sigma])[len(KINDS) :], strict=True))

    def blur(values):
        return ndimage.gaussian_filter(values, sigma, mode="reflect", truncate=4)

    smooth = blur(image.astype(float))
    differ = [ndimage.correlate1d(smooth, [-0.5, 0, 0.5], axis, mode="nearest") for axis in (0, 1)]
    yy, xx = (ndimage.correlate1d(smooth, [1, -2, 1], axis, mode="nearest") for axis in (0, 1))
    yx = ndimage.correlate1d(differ[0], [-0.5, 0, 0.5], 1, mode="nearest")
    hessian = np.linalg.eigvalsh(np.stack([yy, yx, yx, xx], -1).reshape(*image.shape, 2, 2))
    gy, gx = differ
    tensor = [blur(gy * gy), blur(gy * gx), blur(gy * gx), blur(gx * gx)]
    structure = np.linalg.eigvalsh(np.stack(tensor, -1).reshape(*image.shape, 2, 2))
    expected = {
        "gaussian": smooth,
        "gradient": np.hypot(gy, gx),
        "laplacian": yy + xx,
        "hessian_large": hessian[..., 1],
        "hessian_small": hessian[..., 0],
        "structure_large": structure[..., 1],
        "structure_small": structure[..., 0],
    }
    for name, values in expected.items():
        error = np.abs(found[name] - values).max() / np.ptp(values)
        assert error < 2e-4, name  # 32 bit floats; second differences of values around 1000


@pytest.mark.parametrize("classes", [2, 5])
def test_probabilities_are_those_of_scikit_learn(classes):
    rng = np.random.default_rng(1)
    # Few different values, so that many lie on a threshold; and all that 32 bits can tell apart.
    samples = np.concatenate(
        [rng.integers(0, 9, (700, 3)), rng.normal(0, 1e-30, (700, 2))], axis=1
    ).astype(np.float32)
    truth = rng.integers(0, classes, 700)
    trained = RandomForestClassifier(20, random_state=0).fit(samples[:600], truth[:600])
    found = predict(forest_of(trained), np.ascontiguousarray(samples.T))
    np.testing.assert_allclose(found, trained.predict_proba(samples), rtol=0, atol=1e-12)


def test_a_painted_texture_is_found_elsewhere(path):
    image, striped = picture(7)
    found = classify_pixels(image, model=str(path))
    assert (found.mask == striped).mean() > 0.95
    assert (found.mask.dtype, found.probability.dtype, found.classes.dtype) == (
        bool,
        np.uint16,
        np.int32,
    )
    np.testing.assert_array_equal(found.classes, np.where(found.mask, 2, 1))
    assert found.probability[found.mask].min() >= 32768  # 0.5, rounded
    assert found.probability[~found.mask].max() <= 32768
    other = classify_pixels(image, model=str(path), foreground="plain", min_probability=0.9)
    assert not (other.mask & found.mask).any()
    assert other.mask.sum() < (~found.mask).sum()


def test_bands_and_planes_make_no_difference(path, monkeypatch):
    image, _ = picture(5, (150, 70))
    whole = classify_pixels(image, model=str(path))
    file = sys.modules["napari_tmaps.modules.classify_pixels"]  # of the same name as the function
    monkeypatch.setattr(file, "_PIXELS_AT_ONCE", 7 * 70)
    bands = classify_pixels(image, model=str(path))
    stack = classify_pixels(np.stack([image, image[::-1]]), model=str(path))
    for one, other, both in zip(whole, bands, stack, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one, both[0])
        assert both.shape == (2, 150, 70)


def test_a_second_channel_decides(tmp_path):
    dull, _ = picture(1, (40, 60))
    bright = np.zeros_like(dull)
    bright[10:30, 20:40] = 500
    strokes = np.zeros(dull.shape, np.int32)
    strokes[15:25, 25:35], strokes[0:5] = 1, 2
    trained = train_pixels([[dull, bright]], [strokes], classes=["spot", "rest"], sigmas=[1.0])
    assert trained.about.channels == ("channel 1", "channel 2")
    save_model(trained, tmp_path / "two.npz")
    found = classify_pixels(dull, bright, model=str(tmp_path / "two.npz"), foreground="spot")
    assert (found.mask == (bright > 0)).mean() > 0.97


def test_the_file_says_how_it_was_trained_and_needs_no_pickle(model, path, painted):
    with np.load(path, allow_pickle=False) as file:
        about = AboutModel.model_validate_json(str(file["about"]))
        assert all(file[name].dtype.kind in "ufU" for name in file.files)
    assert about == model.about
    assert (about.channels, about.classes, about.dtype) == (
        ("DAPI",),
        ("plain", "striped"),
        "uint16",
    )
    assert about.strokes == (160, 160)
    assert 0.9 < about.accuracy <= 1
    assert set(about.training[0]) == {"DAPI", "strokes"}
    loaded = load_model(path)
    for one, other in zip(loaded.forest, model.forest, strict=True):
        np.testing.assert_array_equal(one, other)
    image, strokes, _ = painted
    again = train_pixels(
        [[image]], [strokes], channels=["DAPI"], classes=["plain", "striped"], sigmas=(1.0, 2.5)
    )
    assert again.about == about


def _repaint(**changes):
    def change(image, strokes):
        return {"images": [[image]], "strokes": [strokes], **changes}

    return change


REFUSED = [
    pytest.param(
        lambda i, s: {"images": [[i], [i]], "strokes": [s, s * 0]},
        "Training image 2 has no strokes",
        id="no-strokes",
    ),
    pytest.param(
        lambda i, s: {"images": [[i]], "strokes": [np.minimum(s, 1)]},
        "All strokes are of class 1. Paint at least two",
        id="one-class",
    ),
    pytest.param(
        lambda i, s: {"images": [[i]], "strokes": [s * 2]}, "of the classes 2, 4", id="gaps"
    ),
    pytest.param(_repaint(classes=["a"]), "the names a. Number the classes", id="names"),
    pytest.param(_repaint(classes=["a", "a"]), "a name of its own", id="same-names"),
    pytest.param(
        lambda i, s: {"images": [[i], [i]], "strokes": [s]}, "strokes for 1", id="less-strokes"
    ),
    pytest.param(_repaint(channels=["a", "b"]), "has 1 channels, but there are 2", id="channels"),
    pytest.param(
        lambda i, s: {"images": [[i] * 4], "strokes": [s]}, "one to three", id="four-channels"
    ),
    pytest.param(
        lambda i, s: {"images": [[i], [i.astype(np.uint8)]], "strokes": [s, s]},
        "type uint8. All must be of one type",
        id="mixed-types",
    ),
    pytest.param(
        lambda i, s: {"images": [[np.full(i.shape, np.nan, np.float32)]], "strokes": [s]},
        "NaN or infinite",
        id="not-finite",
    ),
    pytest.param(
        lambda i, s: {"images": [[i]], "strokes": [s[1:]]}, "strokes 1.* has .95, 128", id="shape"
    ),
    pytest.param(
        lambda i, s: {"images": [[i]], "strokes": [s.astype(float)]}, "the type float64", id="float"
    ),
    pytest.param(
        lambda i, s: {"images": [[np.stack([i, i])]], "strokes": [s]}, "single planes", id="stack"
    ),
]


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_a_training_that_cannot_be_is_refused(painted, change, message):
    image, strokes, _ = painted
    with pytest.raises(InputError, match=message):
        train_pixels(**change(image, strokes))


WRONG_INPUT = [
    pytest.param(lambda i: {"image": i.astype(np.uint8)}, "trained with uint16", id="type"),
    pytest.param(lambda i: {"image": i, "second_image": i}, "with 1 channels .DAPI.", id="number"),
    pytest.param(lambda i: {"image": i, "foreground": "spots"}, "no class 'spots'", id="class"),
    pytest.param(lambda i: {"image": i[0]}, "has the shape .128,", id="axes"),
    pytest.param(lambda i: {"image": i[:0]}, "has the shape .0, 128", id="empty"),
]


@pytest.mark.parametrize(("change", "message"), WRONG_INPUT)
def test_an_image_that_does_not_fit_is_refused(path, painted, change, message):
    with pytest.raises(InputError, match=message):
        classify_pixels(**change(painted[0]), model=str(path))


def test_float_images_must_be_finite(painted, tmp_path):
    image = painted[0].astype(np.float32)
    save_model(train_pixels([[image]], [painted[1]], sigmas=[1.0]), tmp_path / "float.npz")
    assert classify_pixels(image, model=str(tmp_path / "float.npz")).mask.any()
    image[3, 4] = np.inf
    with pytest.raises(InputError, match="'image' has pixels that are NaN or infinite"):
        classify_pixels(image, model=str(tmp_path / "float.npz"))
    second = np.zeros_like(image)
    with pytest.raises(InputError, match="trained with 1 channels"):
        classify_pixels(second, second, model=str(tmp_path / "float.npz"))


def test_a_pipeline_without_its_classifier_is_refused_before_any_image(path, monkeypatch, tmp_path):
    monkeypatch.setenv("NAPARI_TMAPS_MODELS", str(tmp_path))
    check(load_pipeline(PIPELINE.replace("MODEL", "stripes")))
    with pytest.raises(PipelineError, match=r"Step 1 .*no classifier 'strips'.*has: 'stripes'"):
        check(load_pipeline(PIPELINE.replace("MODEL", "strips")))
    with pytest.raises(PipelineError, match=r"No classifier is named\. Give the path"):
        check(load_pipeline(PIPELINE.replace("MODEL", "''")))
    wrong = PIPELINE.replace("{model: MODEL}", "{model: stripes, foreground: dots}")
    with pytest.raises(PipelineError, match=r"no class 'dots'\. It has: plain, striped"):
        check(load_pipeline(wrong))
    with pytest.raises(NotFoundError, match="There is no classifier"):
        load_model(tmp_path / "nothing.npz")


def test_another_classifier_under_the_same_name_is_another_recipe(path, painted):
    spec = describe(classify_pixels)
    before = spec.recipe({"model": str(path)})
    assert before == spec.recipe({"model": str(path)})
    save_model(train_pixels([[painted[0]]], [painted[1]], sigmas=[1.0]), path)
    assert spec.recipe({"model": str(path)}) != before


def _rewrite(path, **changes):
    with np.load(path) as file:
        arrays = {**{name: file[name] for name in file.files}, **changes}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})


DAMAGED = [
    pytest.param(lambda f: {"left": f.left[::-1].copy()}, "its trees have loops", id="loops"),
    pytest.param(lambda f: {"left": f.left * 0}, "its trees have loops", id="circle"),
    pytest.param(lambda f: {"left": f.left + np.uint32(10**6)}, "loops", id="outside"),
    pytest.param(lambda f: {"feature": f.feature + np.uint32(99)}, "use features", id="feature"),
    pytest.param(lambda f: {"values": f.values[:, :1]}, "have the shapes", id="shape"),
    pytest.param(lambda f: {"first": f.first[:-1]}, "do not follow", id="roots"),
    pytest.param(lambda f: {"values": f.values * np.nan}, "hold no numbers", id="not-a-number"),
    pytest.param(lambda f: {"threshold": f.threshold.astype(float)}, "of the types", id="type"),
    pytest.param(lambda f: {"left": None}, "is no classifier of pixels", id="missing"),
    pytest.param(lambda f: {"about": np.array("{}")}, "is no classifier of pixels", id="about"),
    pytest.param(
        lambda f: {"left": np.array([print], dtype=object)}, "is no classifier", id="pickle"
    ),
]


@pytest.mark.parametrize(("change", "message"), DAMAGED)
def test_a_damaged_file_is_refused(model, path, change, message):
    _rewrite(path, **change(model.forest))
    with pytest.raises(FormatError, match=message):
        load_model(path)


def test_what_is_no_classifier_at_all(path, model, tmp_path):
    path.write_bytes(b"PK\x03\x04 and nothing more")
    with pytest.raises(FormatError, match="is no classifier of pixels"):
        load_model(path)
    path.write_text("hello")
    with pytest.raises(FormatError, match="is no classifier of pixels"):
        load_model(path)
    with pytest.raises(InputError, match=r"should end in \.npz"):
        save_model(model, tmp_path / "model.pkl")
    with pytest.raises(ValidationError):
        AboutModel.model_validate({**model.about.model_dump(), "dtype": "int64"})
