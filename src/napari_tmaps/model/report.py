"""The import report: what a folder holds and what is wrong with it, before any conversion."""

from __future__ import annotations

from typing import Any

from napari_tmaps.model.planes import KEY, UNNAMED_PLATE, Scan
from napari_tmaps.model.recorded import depth_text, times_text


def import_report(scan: Scan) -> dict[str, Any]:
    """The layout, every oddity with its kind, and every plane that is missing, as JSON values.

    Keys are those of `Scan.summary`, and

    problems
        kind (missing, duplicate, mixed, unreadable, ignored, doubtful, incomplete) and message.
    missing
        plate, well, site, cycle, channel, z, t and file (empty where nothing declares one) of each
        plane that should be there.
    wells_incomplete
        well → number of its planes that are missing.
    folder, reader
        Where the files lie and how their pixels are read.
    metadata
        What else the microscope says.
    """
    lost = scan.planes[scan.planes["missing"]]
    rows = lost[[*KEY, "path"]].rename(columns={"path": "file"})
    rows["plate"] = rows["plate"].replace("", UNNAMED_PLATE)
    counts = lost["well"].value_counts()
    return {
        **scan.summary(),
        "problems": [{"kind": oddity.kind, "message": oddity.message} for oddity in scan.oddities],
        "missing": rows.to_dict("records"),
        "wells_incomplete": {
            well: int(counts[well]) for well in scan.wells if well in counts.index
        },
        "folder": str(scan.root),
        "reader": scan.reader,
        "metadata": scan.metadata,
    }


def report_text(report: dict[str, Any]) -> str:
    """The report as plain text, for people and for e-mails to the facility."""
    sites = report["sites_per_well"]
    size, pixel = report["image_size"], report["pixel_size_um"]
    lines = [
        f"Import report of {report['folder']}",
        "",
        f"Format       {report['vendor']}",
        f"Plates       {', '.join(report['plates'])}",
        f"Wells        {len(report['wells'])}: {', '.join(report['wells'])}",
        f"Sites        {sum(sites.values())} in all, {_range(sites.values())} a well",
        f"Channels     {', '.join(report['channels'])}",
        f"z planes     {depth_text(report)}",
        f"Time points  {times_text(report)}",
        f"Cycles       {report['cycles']}",
        (
            f"Image        {f'{size[0]} × {size[1]} px' if size else 'unknown'}, "
            f"{report['dtype'] or 'unknown type'}"
        ),
        f"Pixel        {f'{pixel[0]:.6g} × {pixel[1]:.6g} µm' if pixel else 'unknown'}",
        f"Planes       {report['planes']} there, {len(report['missing'])} missing",
        "",
    ]
    if not report["problems"]:
        lines.append("Nothing odd was found.")
    for kind in dict.fromkeys(problem["kind"] for problem in report["problems"]):
        lines.append(kind.capitalize())
        lines += [
            f"  - {problem['message']}" for problem in report["problems"] if problem["kind"] == kind
        ]
    if report["missing"]:
        lines.append("Missing planes")
        lines += [
            f"  - {row['plate']} {row['well']} site {row['site']} {row['channel']} z {row['z']} "
            f"t {row['t']}" + (f": {row['file']}" if row["file"] else "")
            for row in report["missing"]
        ]
    return "\n".join(lines) + "\n"


def _range(counts: Any) -> str:
    values = sorted(set(counts))
    return f"{values[0]}" if len(values) == 1 else f"{values[0]} to {values[-1]}"
