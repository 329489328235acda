"""What was done to an experiment, as the paragraph of methods of a paper, with what to cite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from napari_tmaps.model.version import __version__
from napari_tmaps.model.words import counted
from napari_tmaps.workflow.citations import REFERENCES, sources_of

_ALWAYS = ("numpy", "scipy", "scikit-image", "ome-zarr", "napari")


@dataclass(frozen=True, slots=True)
class Methods:
    """The paragraph, and the references in the order in which they are numbered in it."""

    text: str
    references: tuple[str, ...]


def methods(
    info: Mapping[str, Any],
    pipelines: Iterable[Mapping[str, Any]],
    results: Iterable[Mapping[str, Any]],
    sites: int,
) -> Methods:
    """Say what was done.

    Parameters
    ----------
    info
        Of `Experiment.info`.
    pipelines
        The pipelines that were run, as JSON values.
    results
        What is known of results of tools, as JSON values.
    sites
        Number of sites.
    """
    cited = list(_ALWAYS)

    def cite(names: Iterable[str]) -> str:
        numbers = []
        for name in names:
            if name not in cited:
                cited.append(name)
            numbers.append(str(cited.index(name) + 1))
        return f" [{', '.join(numbers)}]" if numbers else ""

    wells = len(info["wells"])
    size = info["image_size"]
    pixel = (info["pixel_size_um"] or [None])[0]
    parts = [
        f"Images of {counted(len(info['plates']), 'plate')} ({counted(wells, 'well')}, "
        f"{counted(sites, 'site')}"
        + (f", {size[1]} × {size[0]} px" if size else "")
        + (f" of {pixel:.4g} µm" if pixel else "")
        + f") in {counted(len(info['channels']), 'channel')} ({', '.join(info['channels'])})"
        + (f", recorded with {info['vendor']}," if info["vendor"] else "")
        + f" were analysed with napari-tmaps {__version__}{cite(_ALWAYS)}."
    ]
    for pipeline in pipelines:
        steps = [step for step in pipeline["pipeline"] if step.get("active", True)]
        kept = [item["name"] for item in pipeline["output"]["objects"]]
        corrected = [c["name"] for c in pipeline["input"]["channels"] if c.get("correct")]
        words: dict[str, int] = {}
        for step in steps:
            settings = ", ".join(f"{k} = {_plain(v)}" for k, v in step["settings"].items())
            word = step["module"].replace("_", " ") + (f" ({settings})" if settings else "")
            word += cite(sources_of(step["module"], step["settings"]))
            words[word] = words.get(word, 0) + 1
        listed = "; ".join(f"{word}, {n} times" if n > 1 else word for word, n in words.items())
        text = f"Pipeline “{pipeline['name']}” made the objects {', '.join(kept) or 'none'}"
        if corrected:
            text += f", with uneven illumination of {', '.join(corrected)} corrected"
        parts.append(f"{text}, in these steps: {listed}.")
    counts = [f"{number:,} {name}" for name, number in info["objects"].items()]
    if counts:
        parts.append(f"This gave {', '.join(counts)}.")
    for about in results:
        settings = ", ".join(
            f"{key} = {_plain(value)}"
            for key, value in about["settings"].items()
            if value not in ("", [], ()) and key != "trained"
        )
        parts.append(
            f"The tool {about['tool'].replace('_', ' ')} was applied to {about['object_type']}"
            + (f" ({settings})" if settings else "")
            + cite(sources_of(about["tool"], about["settings"]))
            + "."
        )
    return Methods(" ".join(parts), tuple(REFERENCES[name] for name in cited))


def _plain(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return str(value)
