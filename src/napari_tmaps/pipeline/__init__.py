"""A pipeline as data: its file, its check before any image is read, its run on a site."""

from napari_tmaps.pipeline.cache import Cache
from napari_tmaps.pipeline.check import Problem, check, find_problems
from napari_tmaps.pipeline.checked import CheckedPipeline, Step, Target
from napari_tmaps.pipeline.depths import check_depths
from napari_tmaps.pipeline.export import to_script
from napari_tmaps.pipeline.files import (
    dump_pipeline,
    load_pipeline,
    ready_pipelines,
    save_pipeline,
)
from napari_tmaps.pipeline.run import SiteResult, StepResult, iter_site, run_site

__all__ = [
    "Cache",
    "CheckedPipeline",
    "Problem",
    "SiteResult",
    "Step",
    "StepResult",
    "Target",
    "check",
    "check_depths",
    "dump_pipeline",
    "find_problems",
    "iter_site",
    "load_pipeline",
    "ready_pipelines",
    "run_site",
    "save_pipeline",
    "to_script",
]
