"""Features of intensities, of their distribution and of two channels."""

from __future__ import annotations

from math import inf

from napari_tmaps.model.features.entry import Feature

_LINEAR = "interpolated linearly between ranks, as numpy's quantile"
_NONE_AROUND = "no pixel within the distance is background"
_BLACK = "of a black object"
_RADIAL = "CellProfiler, MeasureObjectIntensityDistribution"
_COLOCALISATION = "CellProfiler, MeasureColocalization"
_COSTES = (
    "Costes et al., Automatic and quantitative measurement of protein-protein colocalization in "
    "live cells (2004); thresholds over the pixels of all objects, as in CellProfiler"
)
_SINGAN = (
    "Singan et al., Dual channel rank-based intensity weighting for quantitative co-localization "
    "of microscopy images (2011)"
)


def _intensity(name: str, meaning: str, cellprofiler: str, source: str = "") -> Feature:
    return Feature(
        f"Intensity_{name}",
        meaning,
        "intensity",
        source,
        cellprofiler=f"Intensity_{cellprofiler}_{{item}}",
    )


STAIN = (
    _intensity("max", "of the brightest pixel", "MaxIntensity"),
    _intensity("mean", "mean of the pixels", "MeanIntensity"),
    _intensity("min", "of the darkest pixel", "MinIntensity"),
    _intensity("sum", "sum over the pixels", "IntegratedIntensity"),
    _intensity("std", "standard deviation (of the population)", "StdIntensity"),
    _intensity("lower_quartile", "a quarter is darker", "LowerQuartileIntensity", _LINEAR),
    _intensity("median", "half is darker", "MedianIntensity", _LINEAR),
    _intensity("upper_quartile", "a quarter is brighter", "UpperQuartileIntensity", _LINEAR),
    _intensity("mad", "median of the distances to the median", "MADIntensity"),
    _intensity("edge_max", "brightest pixel of the outline", "MaxIntensityEdge"),
    _intensity("edge_mean", "mean of the outline", "MeanIntensityEdge"),
    _intensity("edge_min", "darkest pixel of the outline", "MinIntensityEdge"),
    _intensity("edge_sum", "sum over the outline", "IntegratedIntensityEdge"),
    _intensity("edge_std", "standard deviation of the outline", "StdIntensityEdge"),
    Feature(
        "Intensity_center_x",
        "mean x of the pixels, weighted by their intensity",
        "px of the site",
        missing=_BLACK,
        cellprofiler="Location_CenterMassIntensity_X_{item}",
    ),
    Feature(
        "Intensity_center_y",
        "mean y of the pixels, weighted by their intensity",
        "px of the site",
        missing=_BLACK,
        cellprofiler="Location_CenterMassIntensity_Y_{item}",
    ),
    Feature(
        "Intensity_mass_displacement",
        "distance of that centre from the centroid",
        "px",
        missing=_BLACK,
        cellprofiler="Intensity_MassDisplacement_{item}",
    ),
    Feature(
        "Intensity_max_x",
        "x of the brightest pixel, the first in reading order",
        "px of the site",
        cellprofiler="Location_MaxIntensity_X_{item}",
    ),
    Feature(
        "Intensity_max_y",
        "y of the brightest pixel, the first in reading order",
        "px of the site",
        cellprofiler="Location_MaxIntensity_Y_{item}",
    ),
    Feature(
        "Intensity_background",
        "mean of the pixels around the object that belong to none",
        "intensity",
        missing=_NONE_AROUND,
    ),
    Feature(
        "Intensity_corrected_mean", "mean - background", "intensity", "", -inf, inf, _NONE_AROUND
    ),
    Feature(
        "Intensity_corrected_sum",
        "sum - background × area",
        "intensity",
        "",
        -inf,
        inf,
        _NONE_AROUND,
    ),
    Feature(
        "RadialDistribution_fraction-{i}-of-{n}",
        "share of the intensity in ring i of n from the centre",
        source=_RADIAL,
        high=1,
        missing=_BLACK,
        cellprofiler="RadialDistribution_FracAtD_{item}_{i}of{n}",
    ),
    Feature(
        "RadialDistribution_mean-fraction-{i}-of-{n}",
        "share of the intensity / share of the pixels in the ring",
        source=_RADIAL,
        missing=_BLACK,
        cellprofiler="RadialDistribution_MeanFrac_{item}_{i}of{n}",
    ),
    Feature(
        "RadialDistribution_variation-{i}-of-{n}",
        "standard deviation / mean of the mean intensities in the eighths of the ring",
        source=_RADIAL,
        missing="the ring is black or empty",
        cellprofiler="RadialDistribution_RadialCV_{item}_{i}of{n}",
    ),
    Feature(
        "RadialDistribution_Zernike-{n}-{m}",
        "magnitude of the Zernike moment of the intensities in the smallest circle around the "
        "pixel centres / number of pixels",
        "intensity",
        _RADIAL,
        missing="of a single pixel",
        cellprofiler="RadialDistribution_ZernikeMagnitude_{item}_{n}_{m}",
    ),
    Feature(
        "Granularity_{i}",
        "percentage of the intensity that is lost with the structures that i erosions remove; the "
        "first holds the background too",
        "%",
        "CellProfiler, MeasureGranularity; Ravkin and Temov (1988)",
        # Interpolating between pixels can raise the mean a little.
        -inf,
        inf,
        _BLACK,
        "Granularity_{i}_{item}",
    ),
    Feature(
        "Colocalisation_pearson",
        "correlation of the intensities of both channels",
        "1",
        _COLOCALISATION,
        -1,
        1,
        "one channel is even",
        "Correlation_Correlation_{item}",
    ),
    Feature(
        "Colocalisation_slope",
        "of the regression of the second channel on the first",
        "1",
        _COLOCALISATION,
        -inf,
        inf,
        "the first channel is even",
        "Correlation_Slope_{item}",
    ),
    Feature(
        "Colocalisation_overlap",
        "sum(a b) / √(sum(a²) sum(b²)) over the pixels that are bright in both channels",
        source=_COLOCALISATION,
        high=1,
        missing="no pixel is bright in both",
        cellprofiler="Correlation_Overlap_{item}",
    ),
    Feature(
        "Colocalisation_k_1",
        "sum(a b) / sum(a²) over the same",
        source=_COLOCALISATION,
        missing="no pixel is bright in both",
        cellprofiler="Correlation_K_{first}_{second}",
    ),
    Feature(
        "Colocalisation_k_2",
        "sum(a b) / sum(b²) over the same",
        source=_COLOCALISATION,
        missing="no pixel is bright in both",
        cellprofiler="Correlation_K_{second}_{first}",
    ),
    *(
        Feature(
            f"Colocalisation_{name}_{number}",
            f"share of the bright part of the {channel} channel that {where}",
            source=source,
            high=1,
            missing=missing,
            cellprofiler=f"Correlation_{theirs}_{pair}",
        )
        for name, theirs, where, source, missing in (
            ("manders", "Manders", "is bright in both", _COLOCALISATION, _BLACK),
            (
                "rank_weighted",
                "RWC",
                "is bright in both, weighted by how near the ranks are",
                _SINGAN,
                _BLACK,
            ),
            ("costes", "Costes", "exceeds Costes' thresholds in both", _COSTES, ""),
        )
        for number, channel, pair in (
            (1, "first", "{first}_{second}"),
            (2, "second", "{second}_{first}"),
        )
    ),
)
