"""What the words of a command line name: an experiment, a pipeline, sites, images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_tmaps.errors import InputError, NotFoundError, unknown
from napari_tmaps.model.wells import WellName

if TYPE_CHECKING:
    from napari_tmaps.model.pipeline import PipelineDescription
    from napari_tmaps.store.experiment import Experiment


def experiment_folder(text: str) -> Path:
    """Folder of an experiment that is named by its folder, name or number."""
    from napari_tmaps.store.known import find_experiment

    return find_experiment(text).expanduser().absolute()


def named_pipeline(text: str, folder: Path | None) -> PipelineDescription:
    """A pipeline of a file, of an experiment, or a ready one."""
    from napari_tmaps.pipeline.find import find_pipeline

    return find_pipeline(folder or Path(), text)


def what_is_known(experiment: Experiment) -> dict[str, Any]:
    """Channels and object types, as `check` takes them."""
    return {
        "channels": experiment.catalogue.channel_names(),
        "objects": tuple(experiment.catalogue.object_types()["name"]),
    }


def named_sites(experiment: Experiment, texts: list[str]) -> list[tuple[str, str, int]]:
    """The sites that were named; without any the first of the experiment."""
    plates = experiment.plate_names()
    if not texts:
        for plate in plates:
            for well in experiment.wells(plate):
                return [(plate, well, int(experiment.sites(plate, well)["site"].iloc[0]))]
        raise NotFoundError("The experiment has no sites. Add images first (tmaps add).")
    places = []
    for text in texts:
        parts = text.split("/")
        if len(parts) not in (2, 3) or not parts[-1].isdigit():
            raise InputError(f"'{text}' names no site. Write WELL/NUMBER, e.g. B03/1.")
        if len(parts) == 2 and len(plates) != 1:
            raise InputError(
                f"Say of which plate '{text}' is: PLATE/{text}. There are {', '.join(plates)}."
            )
        plate = parts[0] if len(parts) == 3 else plates[0]
        if plate not in plates:
            raise unknown("plate", plate, plates)
        well = str(WellName.parse(parts[-2]))
        if well not in experiment.wells(plate):
            raise unknown("well", well, experiment.wells(plate))
        numbers = [int(number) for number in experiment.sites(plate, well)["site"]]
        if int(parts[-1]) not in numbers:
            raise unknown(f"{well} site", parts[-1], numbers)
        places.append((plate, well, int(parts[-1])))
    return places


def named_images(texts: list[str], names: list[str]) -> dict[str, Any]:
    """Images by channel; a single file without a name is that of the only channel."""
    from napari_tmaps.pipeline.pictures import read_picture

    found: dict[str, Any] = {}
    for text in texts:
        name, sign, path = text.partition("=")
        if not sign:
            if len(names) != 1 or len(texts) != 1:
                raise InputError(
                    f"Say which channel '{text}' is, e.g. {names[0] if names else 'DAPI'}={text}."
                )
            name, path = names[0], text
        if name in found:
            raise InputError(f"'{name}' is given twice.")
        found[name] = read_picture(Path(path))
    return found
