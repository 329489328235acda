"""The literature behind modules and tools: what their docstrings name, as references of a paper.

A test holds this file to the docstrings: whoever names a source there gives its reference here.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from napari_tmaps.modules import MODULES
from napari_tmaps.tools import TOOLS

REFERENCES: Mapping[str, str] = {
    "numpy": "Harris CR et al. (2020) Array programming with NumPy. Nature 585:357–362.",
    "scipy": "Virtanen P et al. (2020) SciPy 1.0: fundamental algorithms for scientific computing "
    "in Python. Nature Methods 17:261–272.",
    "scikit-image": "van der Walt S et al. (2014) scikit-image: image processing in Python. PeerJ "
    "2:e453.",
    "ome-zarr": "Moore J et al. (2021) OME-NGFF: a next-generation file format for expanding "
    "bioimaging data-access strategies. Nature Methods 18:1496–1498.",
    "napari": "napari contributors. napari: a multi-dimensional image viewer for Python. "
    "doi:10.5281/zenodo.3555620.",
    "scikit-learn": "Pedregosa F et al. (2011) Scikit-learn: machine learning in Python. J Mach "
    "Learn Res 12:2825–2830.",
    "battich": "Battich N, Stoeger T, Pelkmans L (2013) Image-based transcriptomics in thousands "
    "of single human cells at single-molecule resolution. Nature Methods 10:1127–1133.",
    "bernsen": "Bernsen J (1986) Dynamic thresholding of gray-level images. Proc 8th Int Conf "
    "Pattern Recognition, 1251–1255.",
    "breiman": "Breiman L (2001) Random forests. Machine Learning 45:5–32.",
    "buades": "Buades A, Coll B, Morel JM (2005) A non-local algorithm for image denoising. IEEE "
    "Conf Computer Vision and Pattern Recognition 2:60–65.",
    "campello": "Campello RJGB, Moulavi D, Sander J (2013) Density-based clustering based on "
    "hierarchical density estimates. PAKDD 2013, LNCS 7819:160–172.",
    "cellpose": "Stringer C, Wang T, Michaelos M, Pachitariu M (2021) Cellpose: a generalist "
    "algorithm for cellular segmentation. Nature Methods 18:100–106.",
    "chambolle": "Chambolle A (2004) An algorithm for total variation minimization and "
    "applications. J Math Imaging Vis 20:89–97.",
    "costes": "Costes SV et al. (2004) Automatic and quantitative measurement of protein-protein "
    "colocalization in live cells. Biophys J 86:3993–4003.",
    "dempster": "Dempster AP, Laird NM, Rubin DB (1977) Maximum likelihood from incomplete data "
    "via the EM algorithm. J R Stat Soc B 39:1–38.",
    "friedman": "Friedman JH (2001) Greedy function approximation: a gradient boosting machine. "
    "Ann Stat 29:1189–1232.",
    "guo": "Guo Z, Hall RW (1989) Parallel thinning with two-subiteration algorithms. Commun ACM "
    "32:359–373.",
    "hamilton": "Hamilton NA et al. (2007) Fast automated cell phenotype image classification. BMC "
    "Bioinformatics 8:110.",
    "haralick": "Haralick RM, Shanmugam K, Dinstein I (1973) Textural features for image "
    "classification. IEEE Trans Syst Man Cybern 3:610–621.",
    "hu": "Hu MK (1962) Visual pattern recognition by moment invariants. IRE Trans Inf Theory "
    "8:179–187.",
    "immerkaer": "Immerkær J (1996) Fast noise variance estimation. Comput Vis Image Underst "
    "64:300–302.",
    "instanseg": "Goldsborough T et al. (2024) InstanSeg: an embedding-based instance segmentation "
    "algorithm optimized for accurate, efficient and portable cell segmentation. arXiv:2408.15954.",
    "khotanzad": "Khotanzad A, Hong YH (1990) Invariant image recognition by Zernike moments. IEEE "
    "Trans Pattern Anal Mach Intell 12:489–497.",
    "li": "Li CH, Tam PKS (1998) An iterative algorithm for minimum cross entropy thresholding. "
    "Pattern Recognit Lett 19:771–776.",
    "lindeberg": "Lindeberg T (1998) Feature detection with automatic scale selection. Int J "
    "Comput Vis 30:79–116.",
    "manders": "Manders EMM, Verbeek FJ, Aten JA (1993) Measurement of co-localization of objects "
    "in dual-colour confocal images. J Microsc 169:375–382.",
    "meyer": "Meyer F (1994) Topographic distance and watershed lines. Signal Process 38:113–125.",
    "niblack": "Niblack W (1986) An introduction to digital image processing. Prentice-Hall.",
    "ojala": "Ojala T, Pietikäinen M, Mäenpää T (2002) Multiresolution gray-scale and rotation "
    "invariant texture classification with local binary patterns. IEEE Trans Pattern Anal Mach "
    "Intell 24:971–987.",
    "otsu": "Otsu N (1979) A threshold selection method from gray-level histograms. IEEE Trans "
    "Syst Man Cybern 9:62–66.",
    "platt": "Platt JC (1999) Probabilistic outputs for support vector machines and comparisons to "
    "regularized likelihood methods. Advances in Large Margin Classifiers, 61–74. MIT Press.",
    "sauvola": "Sauvola J, Pietikäinen M (2000) Adaptive document image binarization. Pattern "
    "Recognit 33:225–236.",
    "serra": "Serra J (1982) Image analysis and mathematical morphology. Academic Press.",
    "singan": "Singan VR, Jones TR, Curran KM, Simpson JC (2011) Dual channel rank-based intensity "
    "weighting for quantitative co-localization of microscopy images. BMC Bioinformatics 12:407.",
    "stardist": "Schmidt U, Weigert M, Broaddus C, Myers G (2018) Cell detection with star-convex "
    "polygons. MICCAI 2018, LNCS 11071:265–273.",
    "sternberg": "Sternberg SR (1983) Biomedical image processing. Computer 16:22–34.",
    "umap": "McInnes L, Healy J, Melville J (2018) UMAP: uniform manifold approximation and "
    "projection for dimension reduction. arXiv:1802.03426.",
    "zhang_jh": "Zhang JH, Chung TDY, Oldenburg KR (1999) A simple statistical parameter for use "
    "in evaluation and validation of high throughput screening assays. J Biomol Screen 4:67–73.",
    "zhang_xd": "Zhang XD (2007) A pair of new statistical parameters for quality control in RNA "
    "interference high-throughput screening assays. Genomics 89:552–561.",
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a module or tool has something from.

    Attributes
    ----------
    reference
        A key of `REFERENCES`.
    setting, values
        Only where this setting has one of these values; "" for always.
    """

    reference: str
    setting: str = ""
    values: tuple[Any, ...] = ()


def _if(setting: str, **references: str) -> tuple[Source, ...]:
    """A source for each value of a setting."""
    return tuple(Source(name, setting, (value,)) for value, name in references.items())


SOURCES: Mapping[str, tuple[Source, ...]] = {
    "classify_pixels": (Source("breiman"), Source("scikit-learn")),
    "denoise": (
        *_if("method", total_variation="chambolle", non_local_means="buades"),
        Source("immerkaer"),
    ),
    "find_spots": (Source("lindeberg"),),
    "identify_spots_2D": (Source("battich"),),
    "measure_colocalisation": (Source("manders"), Source("singan"), Source("costes")),
    "measure_morphology": (Source("khotanzad", "measure_zernike", (True,)),),
    "measure_radial_distribution": (Source("khotanzad", "measure_zernike", (True,)),),
    "measure_skeleton": (Source("guo"),),
    "measure_texture": (
        Source("hu"),
        Source("hamilton", "measure_TAS", (True,)),
        Source("ojala", "measure_LBP", (True,)),
        Source("haralick", "measure_haralick", (True,)),
    ),
    "morph_image": (Source("serra"),),
    "segment_cellpose": (Source("cellpose"),),
    "segment_instanseg": (Source("instanseg"),),
    "segment_secondary": (Source("li"), Source("bernsen")),
    "segment_stardist": (Source("stardist"),),
    "subtract_background": _if("method", rolling_ball="sternberg"),
    "threshold_adaptive": (Source("niblack"),),
    "threshold_global": (
        *_if("method", minimum_cross_entropy="li", gaussian_mixture="dempster"),
        Source("otsu", "method", ("otsu", "otsu_3_lower", "otsu_3_upper")),
    ),
    "threshold_local": _if("method", otsu="otsu", sauvola="sauvola", bernsen="bernsen"),
    "threshold_objects": (Source("li"),),
    "threshold_otsu": (Source("otsu"),),
    "watershed": (Source("meyer"),),
    "assay": (Source("zhang_jh"), Source("zhang_xd")),
    "classify": (
        Source("scikit-learn"),
        *_if("method", random_forest="breiman", svm="platt", gradient_boosting="friedman"),
    ),
    "cluster": (Source("scikit-learn"), *_if("method", hdbscan="campello")),
    "embed": (
        Source("scikit-learn", "method", ("pca",)),
        *_if("method", umap="umap"),
    ),
}


def sources_of(name: str, settings: Mapping[str, Any]) -> Iterator[str]:
    """References of a module or tool with these settings; those that are not given are as usual."""
    for source in SOURCES.get(name, ()):
        if not source.setting or _value(name, source.setting, settings) in source.values:
            yield source.reference


def _value(name: str, setting: str, settings: Mapping[str, Any]) -> Any:
    if setting in settings:
        return settings[setting]
    function = TOOLS[name].function if name in TOOLS else MODULES[name]
    return inspect.signature(function).parameters[setting].default
