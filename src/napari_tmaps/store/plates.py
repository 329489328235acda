"""A plate on disk: an OME-NGFF HCS plate, one image a site and cycle, labels beside it.

    <plate>.ome.zarr / <row> / <column> / <site>[c<cycle>] / 0, 1, 2 …      pixels, t c z y x
                                                        / labels / <type> / 0, 1, 2 …

The first staining round is called by the number of the site alone; round 1 of site 4 is "4c1".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError, NotFoundError, unknown
from napari_tmaps.model.channels import Channel, display_colors
from napari_tmaps.model.wells import PlateFormat, WellName, row_letters
from napari_tmaps.store.images import StoredImage
from napari_tmaps.store.plan import ImagePlan
from napari_tmaps.streams import ngff
from napari_tmaps.streams.atomic import disk_errors, remove
from napari_tmaps.streams.ngff import ImageInfo, ImageWriter
from napari_tmaps.streams.ngff_metadata import OURS, channel_facts, placed_anew


@lru_cache(maxsize=1 << 14)
def _well_path(plate: Path, well: str) -> Path:
    """Folder of a well; plates are asked for thousands of sites at a time."""
    name = WellName.parse(well)
    return plate / name.row / f"{name.column:02d}"


@dataclass(frozen=True, slots=True)
class PlateFolder:
    """One plate; the value is only its place and version, everything is read when asked for.

    Attributes
    ----------
    path
        The folder `<plate>.ome.zarr`.
    version
        OME-NGFF version, "0.5" or "0.4".
    """

    path: Path
    version: str = "0.5"

    def image_path(self, well: str, site: int, cycle: int = 0) -> Path:
        """Folder of the image of a site."""
        image = f"{site}c{cycle}" if cycle else str(site)
        return _well_path(self.path, well) / image

    def labels_path(self, well: str, site: int, object_type: str) -> Path:
        """Folder of the labels of an object type; they lie beside the first cycle."""
        return self.image_path(well, site) / "labels" / object_type

    def _repr_html_(self) -> str | None:
        """For notebooks: the wells that there are; None where nothing is converted yet."""
        from napari_tmaps.model.platesvg import plate_svg

        try:
            plate = self.layout()
        except NotFoundError:
            return None
        wells = {
            str(WellName(row_letters(well["rowIndex"]), well["columnIndex"] + 1)): well["path"]
            for well in plate["wells"]
        }
        return plate_svg(
            PlateFormat(len(plate["rows"]), len(plate["columns"])), wells, plate["name"]
        )

    # -- writing --------------------------------------------------------------------------------

    def image_writer(
        self,
        well: str,
        site: int,
        cycle: int,
        *,
        shape: tuple[int, int, int, int, int],
        dtype: npt.DTypeLike,
        channels: Sequence[Channel],
        pixel_size_um: tuple[float | None, float | None, float | None],
        translation_um: tuple[float, float, float],
        time_step_s: float | None,
        attributes: dict[str, Any],
    ) -> ImageWriter:
        """Writer of the image of a site; see ImageWriter."""
        return ImageWriter(
            self.image_path(well, site, cycle),
            shape=shape,
            dtype=dtype,
            pixel_size_um=pixel_size_um,
            translation_um=translation_um,
            time_step_s=time_step_s,
            channels=channels,
            name=f"{well} site {site}" + (f" cycle {cycle}" if cycle else ""),
            version=self.version,
            attributes=attributes,
            keep_labels=True,
        )

    def write_layout(
        self,
        name: str,
        plate_format: PlateFormat,
        images: Iterable[tuple[str, int, int]],
        acquisitions: Sequence[str],
    ) -> None:
        """Write the metadata of the plate and its wells, with which other programs open it.

        Parameters
        ----------
        images
            (well, site, cycle) of each image that there is.
        acquisitions
            Name of each cycle.
        """
        by_well: dict[WellName, list[tuple[int, int]]] = {}
        for text, site, cycle in images:
            by_well.setdefault(WellName.parse(text), []).append((cycle, site))
        wells = sorted(by_well)
        field_count = max((len(fields) for fields in by_well.values()), default=0)
        ngff.write_group(
            self.path,
            {
                "plate": {
                    "name": name,
                    "field_count": field_count,
                    "version": self.version,
                    "rows": [{"name": row_letters(row)} for row in range(plate_format.rows)],
                    "columns": [
                        {"name": f"{column + 1:02d}"} for column in range(plate_format.columns)
                    ],
                    "acquisitions": [
                        {"id": number, "name": acquisition, "maximumfieldcount": field_count}
                        for number, acquisition in enumerate(acquisitions)
                    ],
                    "wells": [
                        {
                            "path": f"{well.row}/{well.column:02d}",
                            "rowIndex": well.row_index,
                            "columnIndex": well.column_index,
                        }
                        for well in wells
                    ],
                }
            },
            self.version,
        )
        for letters in {well.row for well in wells}:
            ngff.write_group(self.path / letters, {}, self.version)
        for well in wells:
            fields = [
                {
                    "path": self.image_path(str(well), site, cycle).name,
                    "acquisition": cycle,
                }
                for cycle, site in sorted(by_well[well])
            ]
            ngff.write_group(
                self.path / well.row / f"{well.column:02d}",
                {"well": {"images": fields, "version": self.version}},
                self.version,
            )

    def write_labels(
        self,
        well: str,
        site: int,
        object_type: str,
        labels: npt.NDArray[np.int32],
        *,
        pixel_size_um: tuple[float | None, float | None, float | None],
        translation_um: tuple[float, float, float],
        time_step_s: float | None = None,
    ) -> None:
        """Store the labels of one object type of a site, replacing those that are there.

        Parameters
        ----------
        labels
            int32 of shape (t, z, y, x); 0 is background.
        pixel_size_um, translation_um, time_step_s
            Those of the image; sizes are (z, y, x).
        """
        times, depth, height, width = labels.shape
        path = _replaceable(self.labels_path(well, site, object_type))
        with ImageWriter(
            path,
            shape=(times, 1, depth, height, width),
            dtype=np.int32,
            pixel_size_um=pixel_size_um,
            translation_um=translation_um,
            time_step_s=time_step_s,
            name=object_type,
            labels=True,
            version=self.version,
        ) as writer:
            for t in range(times):
                for z in range(depth):
                    writer.write_plane(t, 0, z, labels[t, z])
        known = self.label_names(well, site)
        if object_type not in known:
            ngff.write_group(path.parent, {"labels": sorted([*known, object_type])}, self.version)

    def update_labels(
        self,
        well: str,
        site: int,
        object_type: str,
        place: tuple[int, int],
        corner: tuple[int, int],
        region: npt.NDArray[np.int32],
    ) -> None:
        """Change a part of the labels of a site; see ngff.update_labels.

        Raises
        ------
        NotFoundError
            The site has no objects of that type.
        """
        known = self.label_names(well, site)
        if object_type not in known:
            raise unknown("object type", object_type, known)
        ngff.update_labels(self.labels_path(well, site, object_type), place, corner, region)

    def rename_labels(self, well: str, site: int, old: str, new: str) -> None:
        """Call labels of a site by another object type, if it has them."""
        known = self.label_names(well, site)
        if old not in known:
            return
        folder = self.image_path(well, site) / "labels"
        if (folder / old).is_dir():  # else it was interrupted after that
            with disk_errors(folder):
                (folder / old).replace(folder / new)
        listed = sorted({*known, new} - {old})
        ngff.write_group(folder, {"labels": listed}, self.version)

    def remove_labels(self, well: str, site: int, object_types: Iterable[str]) -> None:
        """Remove the labels of object types from a site, as far as it has them."""
        known = self.label_names(well, site)
        gone = set(known) & set(object_types)
        if not gone:
            return
        folder = self.image_path(well, site) / "labels"
        # First the list: no reader shall look for what is half gone.
        kept = [name for name in known if name not in gone]
        ngff.write_group(folder, {"labels": kept}, self.version)
        for name in gone:
            remove(folder / name)

    def rename_channel(
        self, well: str, site: int, cycle: int, old: str, new: str, source: tuple[str, str]
    ) -> None:
        """Rename a channel in the metadata of an image.

        Parameters
        ----------
        source
            Digest of what it was made of, which tells that it is up to date, and the new one.

        Raises
        ------
        NotFoundError, FormatError
            The site has no image on disk, or it is damaged.
        """
        info, path = self.info(well, site, cycle), self.image_path(well, site, cycle)
        attributes = ngff.read_attributes(path)
        for shown in attributes["omero"]["channels"]:
            if shown.get("label") == old:
                shown["label"] = new
        ours = attributes.get(OURS, {})
        if ours.get("source") == source[0]:
            attributes[OURS] = {**ours, "source": source[1]}
        ngff.write_group(path, attributes, info.version)

    def describe_image(self, plan: ImagePlan, former: str) -> None:
        """Write sizes, place and channels of an image anew, as its plan has them; no pixel changes.

        Parameters
        ----------
        former
            Digest of what it was made of, as it stands in an image that has the older description;
            another image is left alone.

        Raises
        ------
        NotFoundError, FormatError
            The site has no image on disk, or it is damaged.
        """
        place = plan["well"], plan["site"], plan["cycle"]
        info, path = self.info(*place), self.image_path(*place)
        if info.attributes.get("source") != former:
            return
        attributes = ngff.read_attributes(path)
        channels = [Channel(**facts) for facts in plan["channels"]]
        colors = display_colors(channels)
        for shown, color in zip(attributes["omero"]["channels"], colors, strict=True):
            shown["color"] = color.removeprefix("#").upper()
        facts = channel_facts(channels)
        ours = {**attributes[OURS], "source": plan["source"], "channels": facts}
        if not any(facts):
            ours.pop("channels")
        attributes |= {OURS: ours, "multiscales": _placed(attributes, info, plan)}
        ngff.write_group(path, attributes, info.version)

    def place_labels(self, plan: ImagePlan) -> None:
        """Write sizes and place of the labels of a site anew, as the plan of its image has them."""
        size = tuple(plan["pixel_size_um"])
        for name in self.label_names(plan["well"], plan["site"]):
            path = self.labels_path(plan["well"], plan["site"], name)
            try:
                info = ngff.read_info(path)
            except (NotFoundError, FormatError):  # damaged: to be made again
                continue
            if (info.pixel_size_um, info.translation_um) != (size, tuple(plan["translation_um"])):
                attributes = ngff.read_attributes(path)
                attributes["multiscales"] = _placed(attributes, info, plan)
                ngff.write_group(path, attributes, info.version)

    # -- reading --------------------------------------------------------------------------------

    def layout(self) -> dict[str, Any]:
        """The plate block of the metadata, as other programs see it.

        Raises
        ------
        FormatError
            The folder is no OME-Zarr plate.
        """
        attributes = ngff.read_attributes(self.path)
        if "plate" not in attributes:
            raise FormatError(f"'{self.path}' is no OME-Zarr plate: it has no 'plate' metadata.")
        plate: dict[str, Any] = attributes["plate"]
        return plate

    def info(self, well: str, site: int, cycle: int = 0) -> ImageInfo:
        """Facts of the image of a site.

        Raises
        ------
        NotFoundError
            The site has no image on disk.
        """
        path = self.image_path(well, site, cycle)
        if not path.is_dir():
            raise NotFoundError(
                f"Well {well} has no image of site {site}"
                + (f" in cycle {cycle}" if cycle else "")
                + f" in '{self.path.name}'. Was the conversion finished?"
            )
        return ngff.read_info(path)

    def image(self, well: str, site: int, cycle: int = 0) -> StoredImage:
        """The image of a site, to read pixels from.

        Raises
        ------
        NotFoundError
            The site has no image on disk.
        """
        info = self.info(well, site, cycle)
        return StoredImage(self.image_path(well, site, cycle), info, f"Well {well} site {site}")

    def label_names(self, well: str, site: int) -> list[str]:
        """Object types whose labels a site has."""
        try:
            attributes = ngff.read_attributes(self.image_path(well, site) / "labels")
        except NotFoundError:
            return []
        return list(attributes.get("labels", []))

    def read_labels(self, well: str, site: int, object_type: str) -> npt.NDArray[np.int32]:
        """Labels of one object type of a site, int32 of shape (t, z, y, x).

        Raises
        ------
        NotFoundError
            The site has no objects of that type.
        FormatError
            A file is damaged.
        """
        names = self.label_names(well, site)
        if object_type not in names:
            raise unknown("object type", object_type, names)
        whole = slice(None)
        (parts,) = ngff.read_parts(self.labels_path(well, site, object_type), 1)
        found = np.empty((parts.shape[0], *parts.shape[2:]), np.int32)
        for t, z in np.ndindex(*found.shape[:2]):
            found[t, z] = parts.part(t, 0, z, whole, whole)
        return found


def _placed(attributes: dict[str, Any], info: ImageInfo, plan: ImagePlan) -> list[dict[str, Any]]:
    return placed_anew(
        attributes["multiscales"][0],
        version=info.version,
        pixel_size_um=plan["pixel_size_um"],
        translation_um=plan["translation_um"],
        time_step_s=info.time_step_s,
    )


def _replaceable(path: Path) -> Path:
    """The path, freed of what is left of a damaged image, which ImageWriter would not touch."""
    if path.exists():
        try:
            ngff.read_info(path)
        except (FormatError, NotFoundError):
            remove(path)
    return path
