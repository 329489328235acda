"""The dictionary of features as a page of the documentation.

`python -m napari_tmaps.model.features.page > docs/features.md` writes it anew.
"""

from __future__ import annotations

from napari_tmaps.model.features import FEATURES, span

_HEAD = """# Features

What the columns of a table are. Made from the dictionary in `model/features`; the same text is
printed by `tmaps features --explain NAME`.

In a table, the channel stands behind a name (`Intensity_mean_DAPI`; both for two channels), and the
objects that were measured before it, where another object receives the value
(`Nuclei_Morphology_Area`). Where an object receives the values of several, `Mean_`, `Std_` and
`Sum_` stand before it (`Spots_Mean_Intensity_mean_DAPI`), and `Spots_Count` is their number; these
are NaN in an object that holds none. `is_border` is true where an object touches the edge of the
site.

`tmaps features EXPERIMENT TYPE --out table.csv --names cellprofiler` writes CellProfiler's names
where they mean the same. Values stay as they are: intensities are those of the image, while
CellProfiler divides them by 255 or 65535.

The largest families have one row; `{n}` stands for a whole number. "px of the site" are positions,
counted from the upper left corner of the site from 0.
"""


def markdown() -> str:
    """The whole page."""
    lines = [_HEAD.rstrip("\n")]
    group = ""
    for feature in FEATURES:
        first = feature.name.split("_")[0]
        if first != group:
            group = first
            lines += [
                "",
                f"## {group}",
                "",
                "| name | meaning | unit | range | NaN where | source | CellProfiler |",
                "|---|---|---|---|---|---|---|",
            ]
        theirs = f"`{feature.cellprofiler}`" if feature.cellprofiler else ""
        cells = (
            f"`{feature.name}`",
            feature.meaning,
            feature.unit,
            span(feature),
            feature.missing or "never",
            feature.source,
            theirs,
        )
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
