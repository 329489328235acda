"""Tools: from a table of objects to classes, groups, numbers and answers.

A tool is a function of `ToolData` and settings; form, check and help are read from its signature,
as those of modules are. A new tool is one function and one line here.
"""

from __future__ import annotations

from napari_tmaps.modules.describe import describe
from napari_tmaps.modules.spec import ModuleSpec
from napari_tmaps.tools.classify import classify
from napari_tmaps.tools.cluster import cluster
from napari_tmaps.tools.embed import embed
from napari_tmaps.tools.show import classify_rules, heatmap
from napari_tmaps.tools.wells import assay, dose_response, normalise

TOOLS: dict[str, ModuleSpec] = {
    function.__name__: describe(function, "tools")
    for function in (
        classify,
        classify_rules,
        cluster,
        embed,
        heatmap,
        normalise,
        assay,
        dose_response,
    )
}
