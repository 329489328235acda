"""`tmaps modules`: what modules there are, and own ones; `tmaps train-pixels`: a classifier."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_tmaps.cli import show
from napari_tmaps.cli.options import Verbose
from napari_tmaps.errors import FormatError, InputError, NotFoundError, unknown

if TYPE_CHECKING:
    from napari_tmaps.modules.spec import ModuleSpec


def modules(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Name of a module; without it, all.")
    ] = None,
    add: Annotated[
        Path | None,
        typer.Option(
            help="Allow a folder of your own modules from now on. Its Python files are run: look "
            "at files of others first."
        ),
    ] = None,
    remove: Annotated[Path | None, typer.Option(help="Allow that folder no more.")] = None,
    python: Annotated[
        str | None,
        typer.Option(
            metavar="PACKAGE=PATH",
            help="Python that shall run cellpose, stardist or instanseg; without a path this one.",
        ),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """List the analysis modules by category, or say all of one."""
    with show.plain_errors(verbose):
        if add is not None or remove is not None:
            _change_folders(add, remove)
        if python is not None:
            _change_python(python)
        if name is not None:
            _explain(name)
        elif add is None and remove is None and python is None:
            _list()


def _list() -> None:
    from napari_tmaps.modules import MODULES, known_categories
    from napari_tmaps.modules.describe import describe
    from napari_tmaps.modules.own import own_modules

    for category, functions in known_categories().items():
        typer.secho(f"{category}", bold=True)
        width = max(len(function.__name__) for function in functions)
        for function in functions:
            typer.echo(f"  {function.__name__:<{width}}  {describe(function, category).summary}")
    for problem in own_modules(MODULES).problems:
        typer.secho(problem, fg=typer.colors.RED, err=True)


def _explain(name: str) -> None:
    from napari_tmaps.modules import known_categories
    from napari_tmaps.modules.describe import describe

    found = {
        function.__name__: (category, function)
        for category, functions in known_categories().items()
        for function in functions
    }
    if name not in found:
        raise unknown("module", name, found)
    category, function = found[name]
    spec = describe(function, category)
    typer.secho(f"{name} ({category})", bold=True)
    _paragraph(spec.summary)
    for paragraph in spec.help.split("\n\n"):
        _paragraph(paragraph)
    for wanted in spec.inputs:
        optional = ", optional" if wanted.optional else ""
        typer.echo(f"\ninput {wanted.name} ({wanted.kind}{optional})")
        _paragraph(wanted.help)
    for setting in spec.settings:
        typer.echo(f"\nsetting {setting.name} ({_values(setting)})")
        _paragraph(setting.help)
    for output in spec.outputs:
        typer.echo(f"\noutput {output.name} ({output.kind})")
    for missing in _missing(spec):
        typer.secho(f"\n{missing}", fg=typer.colors.YELLOW)


def _missing(spec: ModuleSpec) -> list[str]:
    return list(spec.missing(spec.validate({})).values())


def _values(setting: Any) -> str:
    default = f"default {setting.default!r}"
    if setting.choices:
        return f"one of {', '.join(map(repr, setting.choices))}; {default}"
    if setting.minimum is not None and setting.maximum is not None:
        return f"{setting.minimum:g} … {setting.maximum:g}; {default}"
    return f"{setting.type.__name__}; {default}"


def _paragraph(text: str) -> None:
    import textwrap

    if text:
        typer.echo(textwrap.fill(text, 98, initial_indent="  ", subsequent_indent="  "))


def _change_folders(add: Path | None, remove: Path | None) -> None:
    from napari_tmaps.modules.userconfig import change_config, config_path, read_config

    folders = list(read_config().module_folders)
    if add is not None:
        path = str(add.expanduser().absolute())
        if not Path(path).is_dir():
            raise NotFoundError(f"There is no folder '{path}'. Name the folder of your modules.")
        folders = [*(each for each in folders if each != path), path]
    if remove is not None:
        path = str(remove.expanduser().absolute())
        if path not in folders:
            raise unknown("allowed folder", path, folders)
        folders.remove(path)
    change_config(module_folders=folders)
    typer.echo(f"Folders of modules: {', '.join(folders) or 'none'} (in '{config_path()}')")


def _change_python(text: str) -> None:
    from napari_tmaps.modules.model_worker import PACKAGES
    from napari_tmaps.modules.userconfig import change_config, read_config

    package, _, path = text.partition("=")
    if package not in PACKAGES:
        raise InputError(
            f"'{text}' names no package. Give one of {', '.join(PACKAGES)} and the path of its "
            "Python, e.g. cellpose=/opt/cellpose/bin/python."
        )
    pythons = {**read_config().python, package: path}
    change_config(python={name: each for name, each in pythons.items() if each})
    typer.echo(f"{package} runs in {path or 'the Python of this program'}.")


def train_pixels(
    model: Annotated[Path, typer.Argument(help="File of the classifier to write (.npz).")],
    image: Annotated[
        list[str],
        typer.Option(help="Training image (TIFF), or its channels separated by commas. Repeat."),
    ],
    strokes: Annotated[
        list[Path],
        typer.Option(
            help="Strokes on that image (TIFF of whole numbers): 0 where nothing is painted, else "
            "the number of the class. Once for each image, in the same order."
        ),
    ],
    classes: Annotated[
        str, typer.Option(help="Names of the classes 1, 2 …, separated by commas.")
    ] = "",
    channels: Annotated[str, typer.Option(help="Names of the channels, likewise.")] = "",
    sigmas: Annotated[
        str, typer.Option(help="Scales in pixels: finest detail to size of the objects.")
    ] = "1,2,4,8",
    trees: Annotated[int, typer.Option(min=1, max=1000)] = 30,
    max_depth: Annotated[int, typer.Option(min=1, max=100)] = 12,
    verbose: Verbose = False,
) -> None:
    """Train a classifier of pixels from strokes, for the module classify_pixels."""
    from napari_tmaps.modules.pixel_model import save_model
    from napari_tmaps.modules.pixel_training import train_pixels as train

    with show.plain_errors(verbose):
        trained = train(
            [[_read(Path(name)) for name in names.split(",")] for names in image],
            [_read(path) for path in strokes],
            classes=_names(classes),
            channels=_names(channels),
            sigmas=_numbers(sigmas),
            trees=trees,
            max_depth=max_depth,
        )
        save_model(trained, model)
        about = trained.about
        counts = zip(about.classes, about.strokes, strict=True)
        typer.echo(f"Wrote '{model}'.")
        typer.echo(", ".join(f"{name}: {count} painted pixels" for name, count in counts))
        typer.echo(
            f"{about.accuracy:.1%} of the painted pixels are right, each by trees without it."
        )


def _read(path: Path) -> Any:
    import tifffile

    if not path.is_file():
        raise NotFoundError(f"There is no file '{path}'.")
    try:
        return tifffile.imread(path)
    except (tifffile.TiffFileError, ValueError) as error:
        raise FormatError(f"'{path}' cannot be read as TIFF: {error}.") from error


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _numbers(text: str) -> list[float]:
    try:
        found = [float(part) for part in _names(text)]
    except ValueError as error:
        raise InputError(f"'{text}' should be numbers separated by commas, e.g. 1,2,4.") from error
    if not found or not all(0 < each <= 32 for each in found):
        raise InputError(f"The scales '{text}' should be one or more pixels, up to 32 each.")
    return found
