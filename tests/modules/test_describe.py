"""What is read from a signature, and which functions are refused."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import pytest
from pydantic import Field

from napari_tmaps.errors import InputError
from napari_tmaps.model.kinds import (
    IntensityImage,
    Kind,
    LabelImage,
    MaskImage,
    Measurement,
    Needs,
    SegmentedObjects,
)
from napari_tmaps.modules.describe import describe
from napari_tmaps.modules.spec import InputSpec, OutputSpec, SettingSpec


def blur(
    image: IntensityImage,
    mask: MaskImage | None = None,
    *,
    method: Literal["gaussian", "median"] = "gaussian",
    size: Annotated[int, Field(ge=1, le=99)] = 3,
    sigma: Annotated[float, Field(gt=0, lt=2, json_schema_extra={"step": 0.001})] = 0.005,
    invert: bool = False,
    scales: tuple[int, ...] = (1, 2),
) -> Annotated[IntensityImage, "blurred"]:
    """Take noise away.

    Good before
    a threshold.

    Parameters
    ----------
    image
        Image of shape
        ([Z,] Y, X).
    mask
        Where to work; everywhere if not given.
    method
        How.
    size, sigma
        Width, in pixels.
    invert
        Whether dark is bright.
    scales
        Several widths.

    Notes
    -----
    Nothing is perfect.
    """
    return image


class Pair(NamedTuple):
    mask: MaskImage
    labels: LabelImage


def split(image: IntensityImage) -> Pair:
    """Cut.

    Parameters
    ----------
    image
        What to cut.
    """
    return Pair(image > 0, image.astype(np.int32))


def test_a_signature_says_it_all():
    spec = describe(blur, "image")
    assert (spec.name, spec.summary, spec.category) == ("blur", "Take noise away.", "image")
    assert spec.help == "Good before a threshold.\n\nNothing is perfect."
    assert spec.inputs == (
        InputSpec("image", Kind.INTENSITY_IMAGE, False, "Image of shape ([Z,] Y, X)."),
        InputSpec("mask", Kind.MASK_IMAGE, True, "Where to work; everywhere if not given."),
    )
    width = "Width, in pixels."
    assert spec.settings == (
        SettingSpec("method", str, "gaussian", None, None, None, ("gaussian", "median"), "How."),
        SettingSpec("size", int, 3, 1, 99, 1, (), width),
        SettingSpec("sigma", float, 0.005, 0.001, 1.999, 0.001, (), width),
        SettingSpec("invert", bool, False, None, None, None, (), "Whether dark is bright."),
        SettingSpec("scales", tuple, (1, 2), None, None, None, (), "Several widths."),
    )
    assert spec.outputs == (OutputSpec("blurred", Kind.INTENSITY_IMAGE),)
    assert not spec.measures


def test_several_outputs_come_as_a_named_tuple():
    assert describe(split).outputs == (
        OutputSpec("mask", Kind.MASK_IMAGE),
        OutputSpec("labels", Kind.LABEL_IMAGE),
    )


def test_the_version_follows_the_code(tmp_path):
    texts = {"a": "x + 1", "b": "x + 2", "c": "x + 1"}
    versions = {}
    for name, code in texts.items():
        path = tmp_path / f"{name}.py"
        path.write_text(
            "from typing import Annotated\n"
            "from napari_tmaps.model.kinds import IntensityImage\n"
            'def f(x: IntensityImage) -> Annotated[IntensityImage, "y"]:\n'
            f'    """F.\n\n    Parameters\n    ----------\n    x\n        X.\n    """\n'
            f"    return {code}\n"
        )
        space: dict[str, Any] = {"__name__": name}
        exec(compile(path.read_text(), str(path), "exec"), space)
        versions[name] = describe(space["f"]).version
    assert versions["a"] != versions["b"]
    assert versions["a"] == versions["c"]


def test_settings_are_completed_with_defaults():
    given = {"size": 5, "sigma": 1, "scales": [3]}
    settings = describe(blur).validate(given)
    assert settings == {
        "method": "gaussian",
        "size": 5,
        "sigma": 1.0,
        "invert": False,
        "scales": (3,),
    }
    assert isinstance(settings["sigma"], float)


WRONG_SETTINGS = [
    pytest.param({"size": 0}, "size is 0, but must be at least 1.", id="too-small"),
    pytest.param({"size": 100}, "size is 100, but must be at most 99.", id="too-large"),
    pytest.param({"size": "abc"}, "size is 'abc', but must be a whole number.", id="text"),
    pytest.param({"size": 2.5}, "size is 2.5, but must be a whole number.", id="fraction"),
    pytest.param({"size": True}, "size is True, but must be a whole number.", id="bool-as-int"),
    pytest.param({"size": None}, "size is None, but must be a whole number.", id="nothing"),
    pytest.param({"sigma": 0}, "sigma is 0, but must be more than 0.", id="exclusive-low"),
    pytest.param({"sigma": 2}, "sigma is 2, but must be less than 2.", id="exclusive-high"),
    pytest.param({"sigma": "1"}, "sigma is '1', but must be a number.", id="quoted-number"),
    pytest.param(
        {"sigma": float("nan")}, "sigma is nan, but must be a finite number.", id="not-a-number"
    ),
    pytest.param({"invert": 1}, "invert is 1, but must be true or false.", id="number-as-bool"),
    pytest.param(
        {"method": "gausian"},
        "method is 'gausian', but must be one of 'gaussian' or 'median'. Did you mean 'gaussian'?",
        id="choice",
    ),
    pytest.param({"scales": 3}, "scales is 3, but must be a list.", id="no-list"),
    pytest.param(
        {"scales": [1, "b"]},
        "value 2 of scales is 'b', but must be a whole number.",
        id="value-in-list",
    ),
    pytest.param(
        {"sise": 3},
        "there is no setting 'sise'. Did you mean 'size'? "
        "Settings: 'method', 'size', 'sigma', 'invert', 'scales'.",
        id="unknown",
    ),
]


@pytest.mark.parametrize(("settings", "sentence"), WRONG_SETTINGS)
def test_a_wrong_setting_is_named(settings, sentence):
    spec = describe(blur)
    assert list(spec.problems(settings).values()) == [sentence]
    with pytest.raises(InputError) as caught:
        spec.validate(settings)
    assert str(caught.value) == f"Module 'blur': {sentence}"


def test_the_default_of_a_float_is_a_float():
    def f(
        image: IntensityImage, *, n: Annotated[float, Field(ge=0, le=9)] = 0
    ) -> Annotated[IntensityImage, "y"]:
        """Do it.

        Parameters
        ----------
        image, n
            Something.
        """
        return image

    assert isinstance(describe(f).settings[0].default, float)


def test_every_wrong_setting_is_found():
    assert set(describe(blur).problems({"size": 0, "sigma": 5, "x": 1})) == {"size", "sigma", "x"}


def test_json_schema_carries_ranges_choices_and_help():
    schema = describe(blur).json_schema()
    assert schema["title"] == "blur"
    assert schema["additionalProperties"] is False
    size = schema["properties"]["size"]
    assert (size["minimum"], size["maximum"], size["default"]) == (1, 99, 3)
    assert size["description"] == "Width, in pixels."
    assert schema["properties"]["method"]["enum"] == ["gaussian", "median"]
    assert schema["properties"]["sigma"]["step"] == 0.001


def test_a_description_in_the_field_is_help_too():
    def f(
        image: IntensityImage, *, n: Annotated[int, Field(description="How often.")] = 1
    ) -> Annotated[IntensityImage, "y"]:
        """Do it.

        Parameters
        ----------
        image : IntensityImage
            An image.
        """
        return image

    assert describe(f).settings[0].help == "How often."
    assert describe(f).inputs[0].help == "An image."


# --- functions that are refused ---

Out = Annotated[IntensityImage, "y"]
DOC = "Do it.\n\nParameters\n----------\nimage\n    An image.\nn, copy\n    A number.\n"


def no_default(image: IntensityImage, *, n: int) -> Out:
    return image


def optional_number(image: IntensityImage, *, n: int | None = None) -> Out:
    return image


def image_setting(image: IntensityImage, *, n: IntensityImage | None = None) -> Out:
    return image


def bad_default(image: IntensityImage, *, n: Annotated[int, Field(ge=1)] = 0) -> Out:
    return image


def small_float(image: IntensityImage, *, n: float = 0.001) -> Out:
    return image


def taken_name(image: IntensityImage, *, copy: int = 1) -> Out:
    return image


def positional_setting(image: IntensityImage, n: int = 1) -> Out:
    return image


def image_with_default(image: IntensityImage = 3) -> Out:
    return image


def untyped(image, *, n: int = 1) -> Out:
    return image


def stars(*image: IntensityImage) -> Out:
    return image[0]


def no_output_name(image: IntensityImage) -> IntensityImage:
    return image


def no_output(image: IntensityImage):
    return image


def measures_nothing(image: IntensityImage) -> Annotated[Measurement, "measurements"]:
    return None


class Single(NamedTuple):
    y: IntensityImage


def tuple_of_one(image: IntensityImage) -> Single:
    return Single(image)


class Mixed(NamedTuple):
    y: IntensityImage
    number: int


def tuple_with_number(image: IntensityImage) -> Mixed:
    return Mixed(image, 1)


REFUSED = [
    pytest.param(no_default, "the setting 'n' needs a default", id="no-default"),
    pytest.param(optional_number, "never optional", id="optional-number"),
    pytest.param(image_setting, "'n' must be int, float", id="image-as-setting"),
    pytest.param(bad_default, "default of n is 0, but must be at least 1", id="bad-default"),
    pytest.param(small_float, '"step"', id="small-float"),
    pytest.param(taken_name, "cannot be called 'copy'", id="taken-name"),
    pytest.param(positional_setting, "settings stand after the \\*", id="positional-setting"),
    pytest.param(image_with_default, "no default but None", id="image-with-default"),
    pytest.param(untyped, "'image' needs a type", id="untyped"),
    pytest.param(stars, "must be a plain argument", id="stars"),
    pytest.param(no_output_name, "return type must be", id="no-output-name"),
    pytest.param(no_output, "return type must be", id="no-output"),
    pytest.param(measures_nothing, "needs the inputs 'extract_objects'", id="measures-nothing"),
    pytest.param(tuple_of_one, "for several outputs", id="tuple-of-one"),
    pytest.param(tuple_with_number, "fields are all kinds", id="tuple-with-number"),
]


@pytest.mark.parametrize(("function", "rule"), REFUSED)
def test_a_function_that_breaks_a_rule_is_refused(function: Callable[..., Any], rule: str):
    function.__doc__ = DOC
    with pytest.raises(InputError, match=rule) as caught:
        describe(function)
    assert str(caught.value).startswith(f"Module '{function.__name__}' cannot be used")


def test_no_docstring_is_refused():
    def f(image: IntensityImage) -> Out:
        return image

    with pytest.raises(InputError, match="needs a docstring"):
        describe(f)
    f.__doc__ = "Only this."
    with pytest.raises(InputError, match="'image' has no text"):
        describe(f)


def test_a_measuring_module_says_so():
    def m(
        extract_objects: SegmentedObjects, assign_objects: SegmentedObjects
    ) -> Annotated[Measurement, "measurements"]:
        """Measure.

        Parameters
        ----------
        extract_objects, assign_objects
            Objects.
        """

    assert describe(m).measures


# --- versions and needs ---


def test_the_version_follows_the_kernels_behind_a_module(monkeypatch, tmp_path):
    """A copy of the package in which one kernel differs: what uses it is new, the rest is not."""
    from napari_tmaps.modules import smooth, threshold_otsu, version

    root = tmp_path / "napari_tmaps"
    shutil.copytree(version._ROOT, root, ignore=shutil.ignore_patterns("__pycache__", "vendors"))
    monkeypatch.setattr(version, "_ROOT", root)
    version._imported.cache_clear()  # files of the package itself, from other tests
    before = {f: version.code_version.__wrapped__(f) for f in (smooth, threshold_otsu)}
    assert before == {f: version.code_version(f) for f in (smooth, threshold_otsu)}
    kernel = root / "measure" / "compile.py"  # used by kernels that smooth uses
    kernel.write_text(kernel.read_text() + "# changed\n")
    version._read.cache_clear()
    changed = {f: version.code_version.__wrapped__(f) for f in (smooth, threshold_otsu)}
    assert changed[smooth] != before[smooth]
    histogram = root / "measure" / "histogram.py"
    histogram.write_text(histogram.read_text() + "# changed\n")
    version._read.cache_clear()
    assert version.code_version.__wrapped__(smooth) == changed[smooth]
    assert version.code_version.__wrapped__(threshold_otsu) != changed[threshold_otsu]
    version._read.cache_clear()
    version._imported.cache_clear()


def test_threads_that_ask_for_versions_parse_one_after_the_other(monkeypatch):
    """What Python 3.11 cannot do at once ("AST constructor recursion depth mismatch")."""
    from napari_tmaps.modules import version

    really, others = ast.parse, Event()
    under_way = most = 0

    def parse(source):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        others.wait(0.2)  # whoever else would come now
        under_way -= 1
        return really(source)

    with monkeypatch.context() as patched, ThreadPoolExecutor(2) as pool:
        patched.setattr(ast, "parse", parse)
        found = list(pool.map(version._imported.__wrapped__, [b"import re", b"import os"]))
    assert found == [(), ()]
    assert most == 1


def test_other_threads_that_parse_meanwhile_do_not_matter(monkeypatch):
    from napari_tmaps.modules import version

    really, failures = ast.parse, [SystemError("AST constructor recursion depth mismatch")] * 3

    def parse(source):
        if failures:
            raise failures.pop()
        return really(source)

    with monkeypatch.context() as patched:
        patched.setattr(ast, "parse", parse)
        found = version._imported.__wrapped__(b"import napari_tmaps.errors")
    assert [path.name for path in found] == ["errors.py"]


def test_what_a_module_needs_beside_its_inputs():
    class Two(NamedTuple):
        mask: MaskImage
        labels: LabelImage

    needs = Needs(
        lambda settings: {} if settings["name"] == "there" else {"name": "it is not there."},
        lambda settings: f"contents of {settings['name']}",
    )

    def f(image: IntensityImage, *, name: str = "") -> Annotated[Two, needs]:
        """Do it.

        Parameters
        ----------
        image, name
            Something.
        """
        return Two(image > 0, image.astype(np.int32))

    f.__annotations__ = {"image": IntensityImage, "name": str, "return": Annotated[Two, needs]}
    spec = describe(f)
    assert [output.name for output in spec.outputs] == ["mask", "labels"]
    assert spec.missing({"name": "there"}) == {}
    assert spec.missing({"name": "x"}) == {"name": "it is not there."}
    assert spec.recipe({"name": "a"}) != spec.recipe({"name": "b"})
    assert spec.recipe({"name": "a"}).startswith(spec.version)
    assert describe(blur).missing({}) == {}
    assert describe(blur).recipe({}) == describe(blur).version
