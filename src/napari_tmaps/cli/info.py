"""`tmaps info` and `status`: what an experiment holds, and how far it is."""

from __future__ import annotations

from typing import Any

from napari_tmaps.cli import show, workflow
from napari_tmaps.cli.editing_metadata import corrected_text
from napari_tmaps.cli.experiments import ExperimentPath
from napari_tmaps.cli.options import AsJson, Verbose


def info(experiment: ExperimentPath, as_json: AsJson = False, verbose: Verbose = False) -> None:
    """Say what an experiment holds: plates, wells, objects, features, gaps and failures."""
    from napari_tmaps.store.experiment import Experiment

    with show.plain_errors(verbose), Experiment.open(experiment) as opened:
        content = opened.info()
    if as_json:
        show.as_json(content)
        return
    rows = {"Experiment": content["name"], **show.summary_rows(content)}
    rows["Objects"] = (
        "\n".join(
            f"{name}: {count} objects, {content['features'][name]} features"
            + (" (stale: the images have changed since)" if name in content["stale"] else "")
            for name, count in content["objects"].items()
        )
        or "none yet (tmaps analyse)"
    )
    if content["edited"]:
        rows["Corrected"] = "\n".join(map(corrected_text, content["edited"]))
    rows["Missing"] = _gaps(content["missing"])
    rows["Failed sites"] = (
        "\n".join(
            f"{item['step']}: {item['plate']} {item['well']} site {item['site']}: {item['message']}"
            for item in content["failures"][:20]
        )
        or "none"
    )
    show.facts(rows)
    show.oddities(content["oddities"])


def status(
    experiment: ExperimentPath,
    as_json: AsJson = False,
    wells: workflow.WellMap = False,
    verbose: Verbose = False,
) -> None:
    """Say where the workflow stands, step by step and well by well."""
    from napari_tmaps.cli.status import report

    with show.plain_errors(verbose):
        report(experiment, as_json=as_json, wells=wells)


def _gaps(gaps: list[dict[str, Any]], most: int = 20) -> str:
    lines = [
        f"{gap['plate']} {gap['well']} site {gap['site']} {gap['channel']} z {gap['z']} "
        f"t {gap['t']}: {gap['reason']}"
        for gap in gaps[:most]
    ]
    if len(gaps) > most:
        lines.append(f"and {len(gaps) - most} more (--json lists all)")
    return "\n".join(lines) or "none"
