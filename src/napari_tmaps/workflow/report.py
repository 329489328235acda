"""A run as one HTML file that needs nothing else: pictures, plates, numbers, settings, methods."""

from __future__ import annotations

import base64
import json
import platform
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from html import escape
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError, MissingError, NotFoundError
from napari_tmaps.model.channels import display_colors
from napari_tmaps.model.progress import Progress
from napari_tmaps.model.scale import SCALE
from napari_tmaps.model.version import __version__
from napari_tmaps.model.wells import PlateFormat, WellName, row_letters
from napari_tmaps.model.words import counted, short_number
from napari_tmaps.pipeline.remeasure import outdated
from napari_tmaps.store.corrections import Corrections
from napari_tmaps.store.exclusions import excluded
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.export_wells import well_table
from napari_tmaps.store.images import SiteImage, StoredImage
from napari_tmaps.streams import ngff
from napari_tmaps.streams.atomic import write_text
from napari_tmaps.streams.pyramid import level_shapes, pyramid
from napari_tmaps.tools.run import open_data, results_of
from napari_tmaps.workflow.methods import Methods, methods

_PICTURES = 8
_FEATURES = 3
_PACKAGES = (
    "numpy", "scipy", "scikit-image", "scikit-learn", "pandas", "pyarrow", "numba", "zarr",
    "napari",
)  # fmt: skip
_STYLE = """
:root { color-scheme: light dark; --page: #fff; --text: #1d2430; --faint: #56606f; --line: #cfd6e0;
  --empty: #e6eaf0; --note: #fff4dc; }
@media (prefers-color-scheme: dark) { :root { --page: #171b21; --text: #e4e8ee; --faint: #9aa5b4;
  --line: #38414d; --empty: #2a313b; --note: #3a3016; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--text); background: var(--page);
  max-width: 62rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.8rem; margin-bottom: 0; } h2 { font-size: 1.2rem; margin-top: 2rem;
  border-bottom: 1px solid var(--line); } h3 { font-size: 1rem; margin-bottom: .3rem; }
table { border-collapse: collapse; margin: .5rem 0; } th, td { text-align: left;
  padding: .2rem .7rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.row { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; width: 14.2rem; }
figcaption { font-size: .85rem; color: var(--faint); } img, svg { width: 100%; height: auto;
  display: block; } img { border-radius: 3px; }
.note { background: var(--note); border-left: 4px solid #e69f00; padding: .4rem .8rem; margin: .4rem
  0; }
.faint { color: var(--faint); } svg text { font: 11px system-ui, sans-serif; fill: var(--faint); }
svg .empty { fill: var(--empty); }
@media print { :root { color-scheme: light; --page: #fff; --text: #000; --faint: #444; --line: #bbb;
  --empty: #e6eaf0; --note: #fff; } body { margin: 0; max-width: none; font-size: 11px; }
  h2, h3 { break-after: avoid; } figure, tr, .note, li { break-inside: avoid; } figure { width:
  10rem; } svg, .note { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""


def write_report(experiment: Experiment, path: Path) -> Generator[Progress, None, Path]:
    """Write the report; a file that is there is replaced once the new one is whole.

    Raises
    ------
    StorageError
        The disk refuses.
    """
    parts = []
    steps = (
        ("pictures", _pictures),
        ("plates", _plates),
        ("objects", _objects),
        ("quality", _quality),
        ("settings", _settings),
        ("methods", _methods),
        ("versions", _versions),
    )
    for n, (name, make) in enumerate(steps):
        yield Progress("report", n, len(steps), name)
        parts.append(make(experiment))
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    title = escape(experiment.name)
    description = escape(str(experiment.catalogue.get("description", "") or ""))
    write_text(
        path,
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f'<h1>{title}</h1><p class="faint">{description} Report of {when}, napari-tmaps '
        f"{__version__}</p>{_facts(experiment)}{''.join(parts)}</body></html>\n",
    )
    yield Progress("report", len(steps), len(steps))
    return path


def described_methods(experiment: Experiment) -> Methods:
    """The paragraph of methods of an experiment, and its references."""
    store = results_of(experiment)
    results = [
        store.about(object_type, name).model_dump(mode="json")
        for object_type in experiment.features.object_types()
        for name in store.names(object_type)
    ]
    sites = len(experiment.catalogue.sites())
    return methods(experiment.info(), _pipelines(experiment), results, sites)


# -- parts --------------------------------------------------------------------------------------


def _facts(experiment: Experiment) -> str:
    info = experiment.info()
    pixel = info["pixel_size_um"] or [None]
    size = info["image_size"] or [0, 0]
    rows = [
        ("Microscope", info["vendor"] or "unknown"),
        ("Plates", ", ".join(info["plates"])),
        ("Wells", f"{len(info['wells'])}, with {len(experiment.catalogue.sites())} sites"),
        ("Channels", ", ".join(info["channels"])),
        ("Images", f"{size[1]} × {size[0]} px, {info['size_z']} z, {info['size_t']} t"),
        ("Pixel", f"{pixel[0]:.4g} µm" if pixel[0] else "unknown"),
    ]
    return _table(rows)


def _pictures(experiment: Experiment) -> str:
    """Sites of wells spread over the plates, all channels in colour, with outlines of objects."""
    figures = []
    places = [(p, w) for p in experiment.plate_names() for w in experiment.wells(p)]
    step = max(1, -(-len(places) // _PICTURES))
    for plate, well in places[::step]:
        site = int(experiment.sites(plate, well)["site"].iloc[0])
        shown = ""
        caption = f"{plate} {well} site {site}"
        try:
            data = _picture(experiment, plate, well, site)
            shown = f'<img alt="{escape(well)}" src="data:image/png;base64,{data}">'
        except FormatError as error:
            caption += f": {error}"
        except (NotFoundError, MissingError):  # told under quality
            continue
        figures.append(f"<figure>{shown}<figcaption>{escape(caption)}</figcaption></figure>")
    return f'<h2>Pictures</h2><div class="row">{"".join(figures)}</div>' if figures else ""


def _picture(experiment: Experiment, plate: str, well: str, site: int) -> str:
    import imagecodecs

    with closing(experiment.site_image(plate, well, site)) as image:
        channels = image.channels
        planes = [_small(image, each.name) for each in channels]
    picture = np.zeros((*planes[0].shape, 3))
    for plane, color in zip(planes, display_colors(channels), strict=True):
        low, high = np.percentile(plane, (1, 99.8))
        shown = np.clip((plane - low) / max(high - low, 1), 0, 1)[..., np.newaxis]
        picture += shown * [int(color[n : n + 2], 16) for n in (1, 3, 5)]
    picture = np.clip(picture, 0, 255)
    folder, whole = experiment.plate(plate), slice(None)
    for name in folder.label_names(well, site)[:1]:
        levels = ngff.read_parts(folder.labels_path(well, site, name))
        labels = levels[-1].part(0, 0, 0, whole, whole)
        if labels.shape == picture.shape[:2]:
            edge = np.zeros(labels.shape, bool)
            edge[:-1] |= labels[:-1] != labels[1:]
            edge[:, :-1] |= labels[:, :-1] != labels[:, 1:]
            picture[edge] = 0.5 * picture[edge] + 127
    return base64.b64encode(imagecodecs.png_encode(picture.astype(np.uint8))).decode()


def _small(image: SiteImage, channel: str) -> npt.NDArray[Any]:
    """The first time of a channel in the size of the coarsest level, the brightest of each z."""
    t = image.t_of(channel)[0]
    plane: npt.NDArray[Any]
    if isinstance(image, StoredImage):
        plane = image.read_channel(channel, t, level=-1).max(axis=0)
        return plane
    plane = image.read_channel(channel, t).max(axis=0)
    return pyramid(plane, len(level_shapes(*plane.shape)))[-1]


def _plates(experiment: Experiment) -> str:
    """Numbers of objects and means of a few features, as plates."""
    found = []
    for object_type in experiment.features.object_types():
        table = open_data(experiment, object_type).table
        names = [n for n in table.features if n.startswith(("Morphology_Area", "Intensity_mean"))]
        wells = well_table(table, columns=names[:_FEATURES], aggregate="mean")
        for plate in experiment.plate_names():
            own = wells[wells["plate"] == plate]
            plate_format = experiment.catalogue.plate_format(plate)
            maps = "".join(
                _plate_map(
                    plate_format,
                    dict(zip(own["well"], own[name].astype(float), strict=True)),
                    (f"number of {object_type}" if name == "objects" else f"mean of {name}")
                    + (", all time points" if table.times > 1 else ""),
                )
                for name in ("objects", *names[:_FEATURES])
            )
            found.append(
                f'<h3>{escape(f"{plate}: {object_type}")}</h3><div class="row">{maps}</div>'
            )
    return f"<h2>Plates</h2>{''.join(found)}" if found else ""


def _plate_map(plate: PlateFormat, values: Mapping[str, float], title: str) -> str:
    known = {well: value for well, value in values.items() if np.isfinite(value)}
    low, high = min(known.values(), default=0.0), max(known.values(), default=1.0)
    side = max(5, min(22, 300 // plate.columns))
    left, top = 18, 12
    parts = []
    for row in range(plate.rows):
        if side >= 9:
            parts.append(f'<text x="2" y="{top + (row + 0.7) * side:g}">{row_letters(row)}</text>')
        for column in range(plate.columns):
            well = str(WellName.at(row, column))
            look, tip = 'class="empty"', well
            if well in known:
                share = (known[well] - low) / (high - low) if high > low else 0.5
                look, tip = f'fill="{_color(share)}"', f"{well}: {known[well]:.5g}"
            parts.append(
                f'<rect x="{left + column * side}" y="{top + row * side}" width="{side - 1}" '
                f'height="{side - 1}" {look}><title>{tip}</title></rect>'
            )
    if side >= 14:
        parts += [
            f'<text x="{left + (column + 0.3) * side:g}" y="9">{column + 1}</text>'
            for column in range(plate.columns)
        ]
    width, height = left + plate.columns * side, top + plate.rows * side
    stops = "".join(
        f'<rect x="{left + n * (width - left) / 32:.2f}" y="{height + 3}" height="6" '
        f'width="{(width - left) / 32 + 0.3:.2f}" fill="{_color(n / 31)}"/>'
        for n in range(32)
    )
    ends = (
        f'<text x="{left}" y="{height + 21}">{short_number(low)}</text>'
        f'<text x="{width}" y="{height + 21}" text-anchor="end">{short_number(high)}</text>'
    )
    return (
        f'<figure><svg viewBox="0 0 {width + 2} {height + 25}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}'
        f"{stops}{ends}</svg><figcaption>{escape(title)}</figcaption></figure>"
    )


def _color(share: float) -> str:
    at = float(np.clip(share, 0, 1)) * (len(SCALE) - 1)
    red, green, blue = (round(float(np.interp(at, range(len(SCALE)), part))) for part in SCALE.T)
    return f"#{red:02x}{green:02x}{blue:02x}"


def _objects(experiment: Experiment) -> str:
    types = experiment.catalogue.object_types()
    rows: list[Sequence[Any]] = [
        (row["name"], f"{row['objects']:,}", f"{row['features']:,}", row["pipeline"],
         "made from older images" if row["stale"] else "")
        for row in types.to_dict("records")
    ]  # fmt: skip
    text = _table(rows, ("objects", "number", "features", "pipeline", ""))
    store = results_of(experiment)
    rows = [
        (about.object_type, about.name, about.tool, about.created[:16].replace("T", " "))
        for object_type in experiment.features.object_types()
        for about in (store.about(object_type, name) for name in store.names(object_type))
    ]
    if rows:
        text += f"<h3>Results</h3>{_table(rows, ('objects', 'result', 'tool', 'made'))}"
    return f"<h2>Objects</h2>{text}"


def _quality(experiment: Experiment) -> str:
    catalogue = experiment.catalogue
    failures, gaps, out = catalogue.failures(), catalogue.gaps(), excluded(catalogue)
    notes = [*experiment.info()["oddities"], *outdated(experiment)]
    corrected = Corrections(experiment).corrected()
    parts = []
    rows: list[Any]
    if len(failures):
        rows = failures[["step", "plate", "well", "site", "message"]].to_numpy().tolist()
        parts.append(
            f"<h3>{counted(len(rows), 'failed site')}</h3>"
            + _table(rows, ("step", "plate", "well", "site", "why"))
        )
    if len(gaps):
        rows = gaps[["plate", "well", "site", "channel", "reason"]].to_numpy().tolist()
        more = f"<p>… and {len(rows) - 50} more</p>" if len(rows) > 50 else ""
        parts.append(
            f"<h3>{counted(len(rows), 'missing image')}</h3>"
            + _table(rows[:50], ("plate", "well", "site", "channel", "why"))
            + more
        )
    if out:
        rows = [(plate, well, site, why) for (plate, well, site), why in sorted(out.items())]
        parts.append(
            f"<h3>{counted(len(rows), 'excluded site')}</h3>"
            + _table(rows, ("plate", "well", "site", "why"))
        )
    if corrected:
        listed = ", ".join(map(str, corrected))
        parts.append(f"<h3>Corrected by hand</h3><p>{escape(listed)}</p>")
    parts += [f'<p class="note">{escape(note)}</p>' for note in notes]
    if not parts:
        parts = ["<p>No site failed, no image is missing, and nothing odd was found.</p>"]
    jobs = catalogue.jobs()
    if len(jobs):
        steps = jobs.groupby("step", sort=False)
        rows = [
            (step, len(own), f"{own['seconds'].sum():.1f} s", _memory(own["memory_mb"].max()))
            for step, own in steps
        ]
        parts.append("<h3>Work</h3>" + _table(rows, ("step", "jobs", "time of all", "most memory")))
    return f"<h2>Quality</h2>{''.join(parts)}"


def _memory(megabytes: float) -> str:
    return f"{megabytes:.0f} MB" if np.isfinite(megabytes) else "not known"


def _settings(experiment: Experiment) -> str:
    parts = []
    for pipeline in _pipelines(experiment):
        rows = [
            (
                f"{step['name']} ({step['module']})" + ("" if step["active"] else ", switched off"),
                ", ".join(f"{k}: {v}" for k, v in step["inputs"].items()),
                ", ".join(f"{k} = {v}" for k, v in step["settings"].items()) or "as they come",
            )
            for step in pipeline["pipeline"]
        ]
        parts.append(
            f"<h3>Pipeline {escape(pipeline['name'])}</h3>"
            + _table(rows, ("step", "reads", "settings"))
        )
    return f"<h2>Settings</h2>{''.join(parts)}" if parts else ""


def _methods(experiment: Experiment) -> str:
    found = described_methods(experiment)
    listed = "".join(f"<li>{escape(reference)}</li>" for reference in found.references)
    return f"<h2>Methods</h2><p>{escape(found.text)}</p><ol>{listed}</ol>"


def _versions(_experiment: Experiment) -> str:
    rows = [("napari-tmaps", __version__), ("Python", platform.python_version())]
    rows += [(name, metadata.version(name)) for name in _PACKAGES]
    rows.append(("system", platform.platform()))
    return f"<h2>Versions</h2>{_table(rows)}"


# -- helpers ------------------------------------------------------------------------------------


def _pipelines(experiment: Experiment) -> list[dict[str, Any]]:
    """The pipelines that were run, as they were then."""
    found = []
    for path in sorted((experiment.path / "metadata").glob("pipeline-*.json")):
        try:
            found.append(json.loads(path.read_text(encoding="utf-8"))["pipeline"])
        except (ValueError, KeyError) as error:
            raise FormatError(f"'{path}' is damaged: {error}. Run the pipeline again.") from error
    return found


def _table(rows: Sequence[Sequence[Any]], head: Sequence[str] = ()) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table>{f'<tr>{top}</tr>' if head else ''}{body}</table>"
