"""`tmaps edit-metadata`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from napari_tmaps.cli import show
from napari_tmaps.cli.experiments import ExperimentPath
from napari_tmaps.cli.options import AsJson, Verbose
from napari_tmaps.errors import InputError

_FIELDS = {
    "pixel-size": "pixel_size_um",
    "z-step": "z_step_um",
    "objective": "objective",
    "magnification": "magnification",
    "numerical-aperture": "numerical_aperture",
    "description": "description",
    "fluorophore": "fluorophore",
    "excitation": "excitation_nm",
    "emission": "emission_nm",
    "exposure": "exposure_ms",
    "color": "color",
}
"""Fields by the options that set them."""


def edit_metadata(
    experiment: ExperimentPath,
    plate: Annotated[str, typer.Option(help="Only of this plate; by default of all.")] = "",
    acquisition: Annotated[
        str, typer.Option(help="Only of this acquisition; by default of all.")
    ] = "",
    pixel_size: Annotated[
        str, typer.Option(metavar="µm", help="Size of a pixel: 0.65, or height and width: 0.65,0.6")
    ] = "",
    z_step: Annotated[
        float | None, typer.Option(metavar="µm", help="Distance of the z planes.")
    ] = None,
    objective: Annotated[str | None, typer.Option(help="Name of the objective.")] = None,
    magnification: Annotated[float | None, typer.Option(help="Of the objective.")] = None,
    numerical_aperture: Annotated[float | None, typer.Option(help="Of the objective.")] = None,
    description: Annotated[str | None, typer.Option(help="What the acquisition is.")] = None,
    channel: Annotated[
        str, typer.Option(help="Channel to which the following options belong.")
    ] = "",
    fluorophore: Annotated[
        str | None, typer.Option(help="Dye or protein that is seen, e.g. Alexa Fluor 488.")
    ] = None,
    excitation: Annotated[
        float | None, typer.Option(metavar="nm", help="Wavelength of the light.")
    ] = None,
    emission: Annotated[
        float | None, typer.Option(metavar="nm", help="Wavelength that is seen.")
    ] = None,
    exposure: Annotated[float | None, typer.Option(metavar="ms", help="Exposure time.")] = None,
    color: Annotated[str | None, typer.Option(help="Colour to show it in: #00FF00.")] = None,
    as_recorded: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD",
            help="Go back to what the files say, e.g. pixel-size, excitation. Repeat.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take values that are doubtful, too.")] = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Correct what the microscope's files say: pixel size, z step, objective, channels.

    Without options it shows what is corrected, beside what the files say.
    """
    sizes = {
        "pixel_size_um": _numbers(pixel_size),
        "z_step_um": z_step,
        "objective": objective,
        "magnification": magnification,
        "numerical_aperture": numerical_aperture,
        "description": description,
    }
    light = {
        "fluorophore": fluorophore,
        "excitation_nm": excitation,
        "emission_nm": emission,
        "exposure_ms": exposure,
        "color": color,
    }
    with show.plain_errors(verbose):
        from napari_tmaps.model.metadata_edits import MetadataEdits
        from napari_tmaps.store.edited_values import edited
        from napari_tmaps.store.experiment import Experiment
        from napari_tmaps.workflow.correcting_metadata import correct_metadata

        values = _values(sizes, light, channel, as_recorded or [])
        with Experiment.open(experiment) as opened:
            notes = []
            if values:
                edits = MetadataEdits.of(plate=plate, acquisition=acquisition, **values)
                notes = show.ended(correct_metadata(opened, edits, sure=yes))
            rows = edited(opened)
    if as_json:
        show.as_json({"edited": rows, "notes": notes})
        return
    _show(rows)
    for note in notes:
        typer.echo(note)


def _numbers(text: str) -> Any:
    try:
        numbers = [float(part) for part in text.split(",")] if text else []
    except ValueError:
        return text  # it is refused with what would fit
    return numbers[0] if len(numbers) == 1 else numbers or None


def _values(
    sizes: dict[str, Any], light: dict[str, Any], channel: str, as_recorded: list[str]
) -> dict[str, Any]:
    """The fields of MetadataEdits; those that were not given are left out."""
    own = {name: value for name, value in sizes.items() if value is not None}
    of_channel = {name: value for name, value in light.items() if value is not None}
    for text in as_recorded:
        name = _FIELDS.get(text.replace("_", "-"))
        if name is None:
            raise InputError(f"'{text}' cannot be corrected; there are {', '.join(_FIELDS)}.")
        (own if name in sizes else of_channel)[name] = None
    if bool(of_channel) != bool(channel):
        raise InputError(
            "Say of which channel that is (--channel), and what to correct of it: "
            "--fluorophore, --excitation, --emission, --exposure, --color, or --as-recorded."
        )
    return own | ({"channels": {channel: of_channel}} if channel else {})


def _show(rows: list[dict[str, Any]]) -> None:
    if not rows:
        typer.echo("Nothing is corrected: all is as the microscope's files say.")
        return
    typer.echo("Corrected:")
    for row in rows:
        typer.echo(f"  {corrected_text(row)}")


def corrected_text(row: dict[str, Any]) -> str:
    """A corrected value, beside what is recorded, in a person's words."""
    from napari_tmaps.model.metadata_edits import FIELDS, value_text

    field = row["field"]
    return (
        f"{row['of']}: {FIELDS[field].title} {value_text(field, row['edited'])} (recorded: "
        f"{value_text(field, row['recorded'])}; {row['who']}, {row['when']})"
    )
