"""An experiment as a research object: `ro-crate-metadata.json`, RO-Crate 1.1."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_tmaps.model.version import __version__
from napari_tmaps.streams.atomic import write_json

if TYPE_CHECKING:
    from napari_tmaps.store.experiment import Experiment

FILE = "ro-crate-metadata.json"
_TYPES = {
    ".json": "application/json",
    ".yaml": "application/yaml",
    ".csv": "text/csv",
    ".html": "text/html",
    ".db": "application/vnd.sqlite3",
}
_FOLDERS = {
    "plates": "Images and labels, OME-Zarr plates",
    "features": "Features of objects, Parquet",
    "results": "Results of tools, Parquet and JSON",
    "maps": "Pictures of whole plates, OME-Zarr",
    "illumination": "Illumination statistics",
    "alignment": "Shifts between staining cycles",
    "corrections": "Objects corrected by hand, with their journal",
    "gates": "Gates on objects",
    "selections": "Selections of objects",
    "metadata": "Metadata of acquisitions and runs",
    "pipelines": "Pipelines",
    "logs": "Logs of jobs",
}


def write_crate(
    experiment: Experiment, *, license_url: str = "", description: str = "", author: str = ""
) -> Path:
    """Describe the folder of an experiment, so that archives and other programs understand it.

    Parameters
    ----------
    license_url
        Of the data, e.g. "https://creativecommons.org/licenses/by/4.0/".
    description, author
        In the user's words.

    Returns
    -------
    Path
        Of the file, in the folder of the experiment.

    Raises
    ------
    StorageError
        The disk refuses.
    """
    root = experiment.path
    parts: list[dict[str, Any]] = []
    for path in sorted(root.iterdir()):
        if path.is_dir() and path.name in _FOLDERS:
            name = _FOLDERS[path.name]
            parts.append({"@id": f"{path.name}/", "@type": "Dataset", "name": name})
        elif path.is_file() and path.suffix in _TYPES and path.name != FILE:
            parts.append(_file(root, path))
    runs = sorted((root / "metadata").glob("pipeline-*.json"))
    described = [_file(root, path) for path in runs]
    info = experiment.info()
    text = description or str(experiment.catalogue.get("description", "") or "")
    text = text or (
        f"High-content microscopy: {len(info['plates'])} plates, {len(info['wells'])} wells, "
        f"channels {', '.join(info['channels'])}."
    )
    program = {
        "@id": "#napari-tmaps",
        "@type": "SoftwareApplication",
        "name": "napari-tmaps",
        "version": __version__,
    }
    actions = [
        {
            "@id": f"#run-{path.stem.removeprefix('pipeline-')}",
            "@type": "CreateAction",
            "name": f"Pipeline {path.stem.removeprefix('pipeline-')}",
            "instrument": {"@id": "#napari-tmaps"},
            "endTime": datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(),
            "object": [{"@id": "plates/"}, {"@id": path.relative_to(root).as_posix()}],
            "result": [{"@id": "features/"}],
        }
        for path in runs
    ]
    dataset: dict[str, Any] = {
        "@id": "./",
        "@type": "Dataset",
        "name": experiment.name,
        "description": text,
        "datePublished": datetime.now(UTC).date().isoformat(),
        "hasPart": [{"@id": part["@id"]} for part in (*parts, *described)],
        "mentions": [{"@id": action["@id"]} for action in actions],
    }
    people: list[dict[str, Any]] = []
    if author:
        people.append({"@id": "#author", "@type": "Person", "name": author})
        dataset["author"] = {"@id": "#author"}
    if license_url:
        dataset["license"] = {"@id": license_url}
        people.append({"@id": license_url, "@type": "CreativeWork", "name": license_url})
    about = {
        "@id": FILE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }
    graph = [about, dataset, *parts, *described, program, *actions, *people]
    write_json(root / FILE, {"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": graph})
    return root / FILE


def _file(root: Path, path: Path) -> dict[str, Any]:
    return {
        "@id": path.relative_to(root).as_posix(),
        "@type": "File",
        "name": path.name,
        "encodingFormat": _TYPES[path.suffix],
        "contentSize": str(path.stat().st_size),
    }
