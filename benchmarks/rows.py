"""All rows of the benchmark, in the order of the table.

A row is a function (folder for its files, full or quick) -> Contest. Its file is imported only when
the row runs, since other libraries take long to load and some may not be installed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

from timing import Contest

Row = Callable[[Path, bool], Contest]

ROWS = {
    "import/package": "rows_package:importing",
    "scan/cellvoyager": "rows_scan:cellvoyager",
    "scan/pattern": "rows_scan:pattern",
    "scan/tiff": "rows_scan:tiff_headers",
    "convert/plate": "rows_convert:plate",
    "convert/two_cores": "rows_convert:two_cores",
    "convert/read_plane": "rows_convert:read_plane",
    "workflow/overhead": "rows_workflow:overhead",
    "workflow/overhead_dask": "rows_workflow:overhead_dask",
    "workflow/submission": "rows_workflow:submission",
    "workflow/coordinator": "rows_workflow:coordinator",
    "workflow/two_cores": "rows_workflow:two_cores",
    "site/nuclei": "rows_site:nuclei",
    "site/segmentation": "rows_site:segmentation",
    "site/features": "rows_site:features",
    "site/features_naive": "rows_site:features_naive",
    "modules/smooth": "rows_modules:smooth_gaussian",
    "modules/smooth_median": "rows_modules:smooth_median",
    "modules/threshold_adaptive": "rows_modules:threshold_adaptive",
    "modules/threshold_otsu": "rows_modules:threshold_otsu",
    "features/basic": "rows_site:features_basic",
    "features/intensity": "rows_features:intensity",
    "features/morphology": "rows_features:morphology",
    "features/zernike": "rows_features:zernike_shape",
    "features/zernike_intensity": "rows_features:zernike_intensity",
    "features/haralick": "rows_features:haralick",
    "features/cp_measure": "rows_features:cp_measure",
    "features/cp_measure_numba": "rows_features:cp_measure_numba",
    "features/gabor": "rows_features:gabor",
    "features/gabor_numpy": "rows_features:gabor_numpy",
    "features/lbp": "rows_features:lbp",
    "features/tas": "rows_features:tas",
    "features/hu": "rows_features:hu",
    "features/hu_skimage": "rows_features:hu_skimage",
    "features/radial_distribution": "rows_features:radial_distribution",
    "site/whole": "rows_site:whole",
    "site/whole_naive": "rows_site:whole_naive",
    "site/two_threads": "rows_site:two_threads",
    "features/granularity": "rows_newfeatures:granularity",
    "features/colocalisation": "rows_newfeatures:colocalisation",
    "features/skeleton": "rows_newfeatures:skeleton",
    "features/geometry": "rows_newfeatures:geometry",
    "features/solids": "rows_newfeatures:solids",
    "preview/threshold_visible": "rows_preview:threshold_visible",
    "preview/threshold_site": "rows_preview:threshold_site",
    "preview/first_module_visible": "rows_preview:first_module_visible",
    "preview/first_module_site": "rows_preview:first_module_site",
    "preview/gui_thread": "rows_preview_window:gui_thread",
    "corilla/site": "rows_map:statistics",
    "corilla/correct": "rows_map:correction",
    "align/site": "rows_map:alignment",
    "map/build": "rows_map:build",
    "map/open": "rows_map_view:opening",
    "map/pan": "rows_map_view:panning",
    "map/first_picture": "rows_map_view:first_picture",
    "map/plate_widget": "rows_plate_widget:painting",
    "tables/open": "rows_tables:opening",
    "tables/histogram": "rows_tables:histogram",
    "tables/density": "rows_tables:density_plot",
    "tables/gate": "rows_tables:gate",
    "tables/recolour": "rows_tables:recolour",
    "tables/classifier": "rows_tables:classifier",
    "gallery/crops": "rows_gallery:crops",
    "streams/zarr-none": "rows_streams:zarr_none",
    "streams/zarr-none-shards": "rows_streams:zarr_none_sharded",
    "streams/zarr-none-shards-t8": "rows_streams:zarr_none_sharded_long",
    "streams/zarr-lz4": "rows_streams:zarr_lz4",
    "streams/zarr-zstd": "rows_streams:zarr_zstd",
    "streams/zarr-levels": "rows_streams:zarr_levels",
    "streams/tiff-none": "rows_streams:tiff_none",
    "streams/tiff-lzw": "rows_streams:tiff_lzw",
    "server/upload": "rows_server:uploading",
    "server/tile": "rows_server:one_tile",
    "server/image_png": "rows_server:image_png",
    "server/image_tiff": "rows_server:image_tiff",
    "server/readers": "rows_server:readers",
    "server/values": "rows_server:values",
}

SLOW = frozenset({"site/features_naive", "site/whole_naive"})
"""Rows whose peer takes minutes a round: left out of a quick run, unless they are asked for."""


def load(name: str) -> Row:
    """The function of a row."""
    module, function = ROWS[name].split(":")
    row: Row = getattr(importlib.import_module(module), function)
    return row
