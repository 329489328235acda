"""The images of chosen sites, as plain JSON that a job on another machine can open.

An image is known by the digest of what it is made of; if it is not converted, its plan goes along.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

from napari_tmaps.errors import FormatError, NotFoundError
from napari_tmaps.store.images import OriginalImage, SiteImage
from napari_tmaps.store.plan import ImagePlan, ImagePlanner
from napari_tmaps.store.plates import PlateFolder
from napari_tmaps.vendors.pixels import PlaneReader

if TYPE_CHECKING:
    from napari_tmaps.store.experiment import Experiment

Site = tuple[str, str, int]
"""Plate, well, number of the site."""

_AT_A_TIME = 2000  # enough for speed, few enough for the memory


class Located(TypedDict):
    """Digest of an image ("" where it is damaged), and its plan if its pixels are the originals."""

    source: str
    plan: NotRequired[ImagePlan]


class Locator:
    """Finds the images of sites; what all of them need is read once.

    Made for one pass over an experiment: it does not see what changes meanwhile.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._folders: dict[str, PlateFolder] = {}

    @cached_property
    def _planner(self) -> ImagePlanner:
        return ImagePlanner(self._experiment)

    def find(self, sites: Sequence[Site], cycles: Iterable[int]) -> dict[Site, dict[str, Located]]:
        """For each site the images that it has, by the number of the cycle as text."""
        found: dict[Site, dict[str, Located]] = {site: {} for site in sites}
        wanted = set(cycles)
        unconverted = set()
        for plate in {site[0] for site in sites} - self._folders.keys():
            self._folders[plate] = self._experiment.plate(plate)
        for site in sites:
            for cycle in wanted:
                try:
                    image = self._folders[site[0]].image(*site[1:], cycle)
                    found[site][str(cycle)] = {"source": image.source}
                except NotFoundError:
                    unconverted.add(site)
                except FormatError:
                    # Damaged: the job will say so.
                    found[site][str(cycle)] = {"source": ""}
        if unconverted:
            for plan in self._planner.plans(sorted(unconverted), wanted):
                images = found[plan["plate"], plan["well"], plan["site"]]
                images.setdefault(str(plan["cycle"]), {"source": plan["source"], "plan": plan})
        return found

    def find_all(
        self, sites: Sequence[Site], cycles: Iterable[int]
    ) -> Iterator[tuple[Site, dict[str, Located]]]:
        """The same of any number of sites, one after the other."""
        wanted = list(cycles)
        for start in range(0, len(sites), _AT_A_TIME):
            yield from self.find(sites[start : start + _AT_A_TIME], wanted).items()


def planes_of(root: Path, site: Site, cycle: int, image: Located, version: str) -> int:
    """Number of z planes of an image; no pixels are read.

    Raises
    ------
    NotFoundError, FormatError
        The image is gone or damaged.
    """
    if "plan" in image:
        return int(image["plan"]["shape"][2])
    plate, well, number = site
    folder = PlateFolder(root / "plates" / f"{plate}.ome.zarr", version)
    return folder.image(well, number, cycle).info.shape[2]


def open_located(
    root: Path,
    site: Site,
    cycle: int,
    image: Located,
    version: str,
    readers: Mapping[str, PlaneReader],
) -> SiteImage:
    """The image, to read pixels from.

    Parameters
    ----------
    root
        Folder of the experiment.
    version
        OME-NGFF version of its plates.

    Raises
    ------
    NotFoundError, FormatError
        The image is gone or damaged since.
    """
    if "plan" in image:
        return OriginalImage(image["plan"], readers)
    plate, well, number = site
    folder = PlateFolder(root / "plates" / f"{plate}.ome.zarr", version)
    return folder.image(well, number, cycle)
