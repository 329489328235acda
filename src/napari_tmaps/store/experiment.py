"""An experiment: one folder with everything, and the one door to it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.client.address import is_address
from napari_tmaps.errors import ExistsError, FormatError, InputError, NotFoundError, unknown
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.layout import WorkflowType
from napari_tmaps.model.overlay import Overlay
from napari_tmaps.model.planes import UNNAMED_PLATE, Scan, find_duplicates
from napari_tmaps.model.scanedit import renamed
from napari_tmaps.model.wells import PlateFormat, WellName, sorted_wells
from napari_tmaps.store import summary
from napari_tmaps.store.catalogue import Catalogue
from napari_tmaps.store.features import FeatureStore
from napari_tmaps.store.fingerprint import fingerprints, told_again
from napari_tmaps.store.illumination import IlluminationStore
from napari_tmaps.store.images import OriginalImage, SiteImage, open_readers
from napari_tmaps.store.names import check_name, safe_name
from napari_tmaps.store.parts import DATABASE
from napari_tmaps.store.plan import image_plans, source_folders
from napari_tmaps.store.plate_names import finish_renaming
from napari_tmaps.store.plates import PlateFolder
from napari_tmaps.store.shifts import ShiftStore
from napari_tmaps.streams.atomic import disk_errors, remove

if TYPE_CHECKING:
    from napari_tmaps.store.mirror import Mirror

FIRST_STEP = "metaextract"
"""The step of the workflow that begins with the files of the microscope."""


def is_experiment(path: Path) -> bool:
    """True if the folder is an experiment."""
    return (path / DATABASE).is_file()


class Experiment:
    """One experiment on disk; open it with `Experiment.open`, make it with `Experiment.create`.

    Attributes
    ----------
    path
        The folder.
    catalogue
        Its tables.
    features
        Its feature tables.
    illumination
        Its illumination fields.
    shifts
        By how much the images of its cycles are shifted.
    mirror
        What follows it, if it is an experiment of a server; see `store.mirror`.
    """

    def __init__(self, path: Path, catalogue: Catalogue, mirror: Mirror | None = None) -> None:
        self.path = path
        self.mirror = mirror
        self.catalogue = catalogue
        self.features = FeatureStore(path / "features")
        self.illumination = IlluminationStore(path / "illumination")
        self.shifts = ShiftStore(path / "alignment")

    # -- making and opening ---------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        path: str | Path,
        *,
        name: str | None = None,
        description: str = "",
        workflow_type: WorkflowType = "canonical",
        ngff_version: str = "0.5",
    ) -> Self:
        """Make a new, empty experiment.

        Parameters
        ----------
        path
            The folder to make; by custom it ends in ".tmaps".
        workflow_type
            "multiplexing" makes each acquisition of a plate a staining cycle.
        ngff_version
            OME-NGFF version of its plates, "0.5" or "0.4".

        Raises
        ------
        ExistsError
            There is an experiment, or any other thing, at that path.
        """
        folder = Path(path).expanduser().absolute()
        if ngff_version not in ("0.4", "0.5"):
            raise InputError(f"OME-NGFF version '{ngff_version}' is unknown; choose 0.5 or 0.4.")
        if is_experiment(folder):
            raise ExistsError(
                f"'{folder}' is an experiment already. Open it, or choose another folder."
            )
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ExistsError(
                f"'{folder}' exists and is not empty. Choose a new folder for the experiment."
            )
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        catalogue = Catalogue(folder / DATABASE, create=True)
        catalogue.set_all(
            {
                "name": name or folder.name.removesuffix(".tmaps"),
                "description": description,
                "workflow_type": workflow_type,
                "ngff_version": ngff_version,
            }
        )
        return cls(folder, catalogue)

    @classmethod
    def open(cls, path: str | Path, *, password: str | None = None) -> Self:
        """Open an experiment by its folder, any file directly in it, or its address on a server.

        Parameters
        ----------
        path
            An address is like "http://demo@host:8002/screen": user, server, name.
        password
            Of the user at the server; None: one is logged in, or it stands in `~/.tm_pass`.

        Raises
        ------
        NotFoundError
            There is no experiment.
        RefusedError
            The server does not know the user, or the user may not see the experiment.
        StorageError
            The server cannot be reached.
        """
        if is_address(path):
            from napari_tmaps.store.servers import open_mirror

            return cls._of_mirror(open_mirror(str(path), password))
        folder = Path(path).expanduser().absolute()
        if folder.is_file():
            folder = folder.parent
        if not folder.exists():
            raise NotFoundError(f"There is no experiment at '{folder}': the folder does not exist.")
        if not is_experiment(folder):
            raise NotFoundError(
                f"'{folder}' is no experiment: it has no {DATABASE}. Make one with "
                f"'tmaps create {folder.name}'."
            )
        if (folder / ".mirror").is_dir():
            from napari_tmaps.store.servers import mirror_in

            mirror = mirror_in(folder)
            if mirror is not None:
                return cls._of_mirror(mirror)
        opened = cls(folder, Catalogue(folder / DATABASE))
        finish_renaming(opened)
        return opened

    @classmethod
    def _of_mirror(cls, mirror: Mirror) -> Self:
        mirror.enter()
        try:
            catalogue = Catalogue(mirror.root / DATABASE, refusal=lambda: mirror.refusal)
        except BaseException:
            mirror.leave()
            raise
        return cls(mirror.root, catalogue, mirror)

    def close(self) -> None:
        """Give the files back."""
        self.catalogue.close()
        if self.mirror is not None:
            self.mirror.leave()
            self.mirror = None

    @property
    def place(self) -> str:
        """Where it is: its folder, or its address on a server."""
        return str(self.path if self.mirror is None else self.mirror.address)

    def refresh(self, *, thoroughly: bool = True) -> bool:
        """Take up what has changed on the server that it is on; True if anything has."""
        if self.mirror is None:
            return False
        changed = self.mirror.refresh(thoroughly=thoroughly)
        self.catalogue.forget()
        return changed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Experiment({str(self.path)!r})"

    # -- plates and acquisitions ----------------------------------------------------------------

    def _repr_html_(self) -> str:
        """For notebooks: what the experiment holds, and its plates as pictures."""
        return summary.html(self)

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return self.catalogue.name

    @property
    def workflow_type(self) -> WorkflowType:
        """ "canonical" or "multiplexing"."""
        value: WorkflowType = self.catalogue.get("workflow_type")
        return value

    def add(
        self,
        scan: Scan,
        *,
        plate: str | None = None,
        acquisition: str = "acquisition01",
        plate_format: PlateFormat | None = None,
        update: bool = False,
    ) -> list[str]:
        """Register what was scanned; no pixel is read.

        Parameters
        ----------
        scan
            Of vendors.scan, perhaps corrected.
        plate
            Name of the plate; None takes the names that the microscope gave.
        plate_format
            None takes the format that the microscope states, else the smallest that fits.
        update
            The acquisition is known, but its folder has changed since: take it as it is now.
            Images of files that are still the same are not converted again.

        Returns
        -------
        list
            Names of the plates.

        Raises
        ------
        FormatError
            Two files claim the same plane, or nothing is there.
        ExistsError
            The plate has that acquisition already.
        InputError
            A name or a well that does not fit.
        """
        if not (~scan.planes["missing"]).any():
            raise FormatError(f"'{scan.root}' has no image that could be added.")
        duplicates = find_duplicates(scan.planes)
        if len(duplicates):
            one = duplicates.iloc[0]
            paths = ", ".join(f"'{path}'" for path in duplicates["path"].unique()[:2])
            raise FormatError(
                f"{len(duplicates)} planes are claimed twice, e.g. well {one['well']} site "
                f"{one['site']} channel {one['channel']} z {one['z']} t {one['t']} by {paths}. "
                "Remove the wrong files, or give a pattern that tells them apart."
            )
        if plate is not None and len(scan.plates) > 1:
            raise InputError(
                f"'{scan.root}' holds {len(scan.plates)} plates ({', '.join(scan.plates)}); "
                "leave out the name of the plate to add them all."
            )
        check_name("acquisition", acquisition)
        scan = self._as_renamed(scan)
        names = []
        for source in scan.plates:
            target = plate or safe_name(source or UNNAMED_PLATE)
            check_name("plate", target)
            part = scan.planes[scan.planes["plate"] == source]
            there = part.loc[~part["missing"], "path"].unique()
            files = list(fingerprints(scan.root, there))
            known = self.catalogue.known_files(target, files, but=acquisition)
            one_plate = replace(
                scan, planes=part, oddities=(*scan.oddities, *told_again(known, len(files)))
            )
            number = self.catalogue.add_acquisition(
                target, acquisition, one_plate, plate_format, update=update
            )
            if update:  # what was told of the files is told anew by the next conversion
                remove(self.path / "metadata" / target / acquisition)
            self.catalogue.set_jobs(FIRST_STEP, [])  # a workflow that is gone on with begins there
            self.catalogue.set_fingerprints(number, files)
            names.append(target)
        return names

    def _as_renamed(self, scan: Scan) -> Scan:
        """The scan with the names that its channels were given here."""
        known = {channel.name for channel in scan.channels}
        given = self.catalogue.given_names()
        return renamed(scan, {name: new for name, new in given.items() if name in known})

    def rename(self, name: str) -> None:
        """Give the experiment another name; its folder stays.

        Raises
        ------
        InputError
            The name is empty.
        """
        if not name.strip():
            raise InputError("The name of an experiment cannot be empty.")
        self.catalogue.set("name", name.strip())

    def remove_acquisition(self, plate: str, name: str) -> None:
        """Forget an acquisition that nothing was made of; the microscope's files stay.

        Its plate goes with it if it was the only acquisition.

        Raises
        ------
        NotFoundError
            There is no such acquisition.
        ExistsError
            The layout holds it.
        """
        table = self.catalogue.acquisitions()
        table = table[table["plate"] == plate]
        mine = table.loc[table["name"] == name, "id"]
        if mine.empty:
            raise unknown(f"acquisition of plate '{plate}'", name, list(table["name"]))
        self.catalogue.remove_acquisition(int(mine.iloc[0]))
        remove(self.path / "metadata" / plate / name)

    def plate_names(self) -> list[str]:
        """Names of the plates."""
        return list(self.catalogue.plates()["name"])

    def plate(self, name: str) -> PlateFolder:
        """The folder of a plate.

        Raises
        ------
        NotFoundError
            There is no such plate.
        """
        names = self.plate_names()
        if name not in names:
            raise unknown("plate", name, names)
        version = self.catalogue.get("ngff_version", "0.5")
        return PlateFolder(self.path / "plates" / f"{name}.ome.zarr", version)

    def wells(self, plate: str) -> list[str]:
        """Wells of a plate that have sites, in order."""
        self.plate(plate)
        sites = self.catalogue.sites()
        return sorted_wells(sites.loc[sites["plate"] == plate, "well"].unique())

    def sites(self, plate: str, well: str) -> pd.DataFrame:
        """Sites of a well: site, y, x, stage_y_um, stage_x_um, height, width.

        Raises
        ------
        NotFoundError
            There is no such plate or well.
        """
        name = str(WellName.parse(well))
        wells = self.wells(plate)
        if name not in wells:
            raise unknown(f"well of plate '{plate}'", name, wells)
        sites = self.catalogue.sites()
        chosen = sites[(sites["plate"] == plate) & (sites["well"] == name)]
        return chosen.drop(columns=["id", "plate_id", "plate", "well"]).reset_index(drop=True)

    def channels(self, overlay: Overlay | None = None) -> list[Channel]:
        """Channels of the experiment, in order; with other corrections, if they are given."""
        table = self.catalogue.channels(overlay)
        rows = zip(table["name"], table["facts"], strict=True)
        return [Channel(**{**facts, "name": name}) for name, facts in rows]

    # -- pixels ---------------------------------------------------------------------------------

    def image(
        self, plate: str, well: str, site: int, channel: str, *, t: int = 0
    ) -> npt.NDArray[Any]:
        """One channel of a site at one time point: (z, y, x), original pixel type.

        Raises
        ------
        NotFoundError
            No such plate, well, site or channel.
        MissingError
            The image was never recorded.
        """
        channels = self.catalogue.channels().set_index("name")
        if channel not in channels.index:
            raise unknown("channel", channel, channels.index)
        cycle = int(channels.loc[channel, "cycle"])  # type: ignore[arg-type]
        with closing(self.site_image(plate, well, site, cycle)) as image:
            return image.read_channel(channel, t)

    def site_image(self, plate: str, well: str, site: int, cycle: int = 0) -> SiteImage:
        """The image of a site: of the plate, or the originals where it is not converted.

        Close it when done.

        Raises
        ------
        NotFoundError
            There is no such plate or site, or no image of it.
        FormatError
            The image in the plate is damaged; converting again mends it.
        """
        folder, name = self.plate(plate), str(WellName.parse(well))
        try:
            return folder.image(name, site, cycle)
        except NotFoundError:
            for plan in image_plans(self, [(plate, name, site)]):
                if plan["cycle"] == cycle:
                    return OriginalImage(plan, open_readers(source_folders(self)))
            raise

    def labels(
        self, plate: str, well: str, site: int, object_type: str, *, t: int = 0
    ) -> npt.NDArray[np.int32]:
        """Labels of an object type at one time point, (z, y, x).

        Raises
        ------
        NotFoundError
            No such plate, well, site, object type or time point.
        """
        labels = self.plate(plate).read_labels(str(WellName.parse(well)), site, object_type)
        if not 0 <= t < len(labels):
            raise NotFoundError(f"There is no time point {t}; there are {len(labels)}.")
        at_t: npt.NDArray[np.int32] = labels[t]
        return at_t

    def info(self) -> dict[str, Any]:
        """What the experiment holds, as JSON values; the documented output of `tmaps info`."""
        return summary.info(self)
