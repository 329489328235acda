"""OME-XML as text, valid by the schema, of images and where they were taken.

Written element by element: a screen has a document for each of its files, and building them from
the classes of ome-types takes a hundred times as long.
Source: the OME schema 2016-06, https://docs.openmicroscopy.org/ome-model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from xml.etree.ElementTree import Comment, Element, SubElement, tostring

import numpy as np

from napari_tmaps.model.wells import WellName
from napari_tmaps.streams.omexml import (
    OME_NAMES,
    OmeImage,
    PageRun,
    PlaneFacts,
    Stored,
    clean,
)
from napari_tmaps.streams.pixeltypes import IN_OME_TIFF, stored_type

_NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
_SCHEMA = f"{_NAMESPACE} {_NAMESPACE}/ome.xsd"


def image_omexml(
    *images: OmeImage,
    with_pixels: bool = True,
    stored: Sequence[Stored] = (),
    notes: Mapping[str, Mapping[str, str]] | None = None,
    uuid: str | None = None,
) -> str:
    """OME-XML, valid by the schema, of one image or several.

    Parameters
    ----------
    with_pixels
        True: for the head of an OME-TIFF that holds the planes of all images one after the other,
        z fastest, then c, then t. False: the document stands alone.
    stored
        How the planes of each image lie in files, if otherwise.
    notes
        Facts that belong to no single image: namespace → key → text.
    uuid
        Of the file that holds the document.

    Raises
    ------
    InputError
        Pixels of a type that OME does not know.
    """
    ome = Element(
        "OME",
        {
            "xmlns": _NAMESPACE,
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:schemaLocation": _SCHEMA,
            "Creator": "napari-tmaps",
        }
        | ({"UUID": uuid} if uuid else {}),
    )
    _add_plates(ome, images)
    found: list[Element] = []
    first_page = 0
    for number, image in enumerate(images):
        own = stored[number] if stored else None
        node = _add_image(ome, number, image, first_page if with_pixels else None, own)
        first_page += int(np.prod(image.shape[:3]))
        for namespace, values in image.annotations.items():
            name = f"Annotation:{len(found)}"
            SubElement(node, "AnnotationRef", {"ID": name})
            found.append(_note(name, namespace, values))
    for namespace, values in (notes or {}).items():
        found.append(_note(f"Annotation:{len(found)}", namespace, values))
    spliced = {_mark("notes", n): each.notes for n, each in enumerate(stored) if each.notes}
    if found or spliced:
        block = SubElement(ome, "StructuredAnnotations")
        block.extend(found)
        block.extend(Comment(text) for text in spliced)
    spliced |= {_mark("planes", n): each.planes for n, each in enumerate(stored) if each.planes}
    text = tostring(ome, encoding="unicode")
    for mark, part in spliced.items():
        text = text.replace(f"<!--{mark}-->", part, 1)
    return text


def binary_only(metadata_file: str, uuid: str, own_uuid: str) -> str:
    """The OME-XML of a file whose metadata stand in another one, in the same folder."""
    ome = Element("OME", {"xmlns": _NAMESPACE, "UUID": own_uuid})
    _add(ome, "BinaryOnly", MetadataFile=metadata_file, UUID=uuid)
    return tostring(ome, encoding="unicode")


def plane_xml(facts: PlaneFacts, note: str | None = None) -> str:
    """One element Plane as text, that may refer to an annotation."""
    parent = Element("Pixels")
    _add_plane(parent, facts)
    if note is not None:
        SubElement(parent[0], "AnnotationRef", {"ID": note})
    return tostring(parent[0], encoding="unicode")


def note_xml(name: str, namespace: str, values: Mapping[str, str]) -> str:
    """One annotation as text."""
    return tostring(_note(name, namespace, values), encoding="unicode")


def _mark(kind: str, number: int) -> str:
    return f"{kind} of image {number}"


def _add(parent: Element, tag: str, **attributes: Any) -> Element:
    """A child with those attributes that are known."""
    known = {name: _text(value) for name, value in attributes.items() if value is not None}
    return SubElement(parent, tag, known)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return clean(value) if isinstance(value, str) else str(value)


def _add_image(
    ome: Element, number: int, image: OmeImage, first_page: int | None, stored: Stored | None
) -> Element:
    node = _add(ome, "Image", ID=f"Image:{number}", Name=image.name or None)
    if image.acquired is not None:
        SubElement(node, "AcquisitionDate").text = image.acquired.isoformat()
    if image.description:
        SubElement(node, "Description").text = clean(image.description)
    if any(value is not None for value in image.stage_um):
        _add(node, "StageLabel", Name=image.name or f"Image {number}", **_stage(image, "{}"))
    size_t, size_c, size_z, size_y, size_x = image.shape
    dtype = stored_type(image.dtype, IN_OME_TIFF, "OME-XML")
    depths = {channel.bit_depth for channel in image.channels}
    z, y, x = image.pixel_size_um
    pixels = _add(
        node,
        "Pixels",
        ID=f"Pixels:{number}",
        DimensionOrder=stored.order if stored else "XYZCT",
        Type=OME_NAMES.get(dtype.name, dtype.name),
        SignificantBits=depths.pop() if len(depths) == 1 else None,
        SizeX=size_x,
        SizeY=size_y,
        SizeZ=size_z,
        SizeC=size_c * image.samples,
        SizeT=size_t,
        BigEndian=False,
        Interleaved=True if image.samples > 1 else None,
        PhysicalSizeX=x,
        PhysicalSizeXUnit=None if x is None else "µm",
        PhysicalSizeY=y,
        PhysicalSizeYUnit=None if y is None else "µm",
        PhysicalSizeZ=z,
        PhysicalSizeZUnit=None if z is None else "µm",
        TimeIncrement=image.time_step_s,
        TimeIncrementUnit=None if image.time_step_s is None else "s",
    )
    for c in range(size_c):
        _add_channel(pixels, number, c, image)
    if stored is not None and stored.runs:
        for run in stored.runs:
            _add_run(pixels, run)
    elif first_page is None or stored is not None:
        SubElement(pixels, "MetadataOnly")
    else:
        _add(pixels, "TiffData", IFD=first_page, PlaneCount=size_t * size_c * size_z)
    if stored is not None and stored.planes:
        pixels.append(Comment(_mark("planes", number)))
        return node
    for plane in _planes(image):
        _add_plane(pixels, plane)
    return node


def _add_run(pixels: Element, run: PageRun) -> None:
    t, c, z = run.first
    data = _add(
        pixels, "TiffData", IFD=run.page, FirstT=t, FirstC=c, FirstZ=z, PlaneCount=run.count
    )
    if run.file is not None:
        _add(data, "UUID", FileName=run.file).text = run.uuid


def _stage(image: OmeImage, name: str) -> dict[str, Any]:
    """Attributes of the stage's position along x, y and z."""
    known: dict[str, Any] = {}
    for axis, value in zip("ZYX", image.stage_um, strict=True):
        if value is not None:
            key = name.format(axis)
            known |= {key: value, f"{key}Unit": "µm"}
    return known


def _add_channel(pixels: Element, number: int, c: int, image: OmeImage) -> None:
    known: dict[str, Any] = {}
    if image.channels:
        channel = image.channels[c]
        known = {
            "Name": channel.name,
            "ExcitationWavelength": channel.excitation_nm,
            "ExcitationWavelengthUnit": None if channel.excitation_nm is None else "nm",
            "EmissionWavelength": channel.emission_nm,
            "EmissionWavelengthUnit": None if channel.emission_nm is None else "nm",
            "Color": None if channel.color is None else _color(channel.color),
            "Fluor": channel.fluorophore,
        }
    _add(pixels, "Channel", ID=f"Channel:{number}:{c}", SamplesPerPixel=image.samples, **known)


def _color(text: str) -> int:
    """#RRGGBB as OME has it: red, green, blue and opacity in one signed number of 32 bits."""
    value = int(text[1:] + "FF", 16)
    return value - 2**32 if value >= 2**31 else value


def _planes(image: OmeImage) -> list[PlaneFacts]:
    """Facts of planes, with the exposure of the channel where the plane has none of its own."""
    facts = {(plane.t, plane.c, plane.z): plane for plane in image.planes}
    for c, channel in enumerate(image.channels):
        if channel.exposure_ms is None:
            continue
        for t, z in np.ndindex(image.shape[0], image.shape[2]):
            plane = facts.get((t, c, z), PlaneFacts(t, c, z))
            if plane.exposure_ms is None:
                facts[t, c, z] = replace(plane, exposure_ms=channel.exposure_ms)
    return [facts[place] for place in sorted(facts)]


def _add_plane(pixels: Element, facts: PlaneFacts) -> None:
    known: dict[str, Any] = {}
    for axis, position in zip("ZYX", facts.position_um, strict=True):
        if position is not None:
            known |= {f"Position{axis}": position, f"Position{axis}Unit": "µm"}
    if facts.time_s is not None:
        known |= {"DeltaT": facts.time_s, "DeltaTUnit": "s"}
    if facts.exposure_ms is not None:
        known |= {"ExposureTime": facts.exposure_ms, "ExposureTimeUnit": "ms"}
    _add(pixels, "Plane", TheZ=facts.z, TheT=facts.t, TheC=facts.c, **known)


def _add_plates(ome: Element, images: Sequence[OmeImage]) -> None:
    plates: dict[str, Element] = {}
    wells: dict[tuple[str, WellName], Element] = {}
    samples: dict[str, list[int]] = {}
    references: dict[str, list[str]] = {}
    for number, image in enumerate(images):
        if image.plate is None or image.well is None:
            continue
        plate = plates.get(image.plate)
        if plate is None:
            plate = plates[image.plate] = _add(
                ome,
                "Plate",
                ID=f"Plate:{len(plates)}",
                Name=image.plate,
                RowNamingConvention="letter",
                ColumnNamingConvention="number",
                Rows=image.plate_size and image.plate_size[0],
                Columns=image.plate_size and image.plate_size[1],
            )
        well = wells.get((image.plate, image.well))
        if well is None:
            well = wells[image.plate, image.well] = _add(
                plate,
                "Well",
                ID=f"Well:{len(wells)}",
                Row=image.well.row_index,
                Column=image.well.column_index,
            )
        stage = {key: value for key, value in _stage(image, "Position{}").items() if "Z" not in key}
        sample = _add(well, "WellSample", ID=f"WellSample:{number}", Index=image.site, **stage)
        _add(sample, "ImageRef", ID=f"Image:{number}")
        samples.setdefault(image.plate, []).append(image.site)
        references.setdefault(image.plate, []).append(f"WellSample:{number}")
    for number, (name, sites) in enumerate(samples.items()):
        run = _add(
            plates[name],
            "PlateAcquisition",
            ID=f"PlateAcquisition:{number}",
            MaximumFieldCount=max(sites) + 1,
        )
        for reference in references[name]:
            _add(run, "WellSampleRef", ID=reference)


def _note(name: str, namespace: str, values: Mapping[str, str]) -> Element:
    note = Element("MapAnnotation", {"ID": name, "Namespace": clean(namespace)})
    entries = SubElement(note, "Value")
    for key, text in values.items():
        SubElement(entries, "M", {"K": clean(key)}).text = clean(text)
    return note
