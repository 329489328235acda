"""Features of texture."""

from __future__ import annotations

from math import inf, log2

from napari_tmaps.model.features.entry import Feature

_HARALICK = (
    "Haralick et al., Textural features for image classification (1973), as in mahotas; 255 levels "
    "from 0 to the object's brightest pixel"
)
_TAS = "Hamilton et al., Fast automated cell phenotype image classification (2007), as in mahotas"
_MOST = 2 * log2(255)  # entropy of two levels that are all alike
_ENTROPY = log2(2 * 255)

# Name, meaning, smallest and largest value.
_STATISTICS = (
    ("angular-second-moment", "sum of the squared shares of the pairs", 0, 1),
    ("contrast", "mean squared difference of the levels", 0, 254**2),
    ("correlation", "of the levels of both pixels; 1 if all are alike", -1, 1),
    ("sum-of-squares", "variance of the levels", 0, 254**2),
    ("inverse-diff-moment", "mean of 1 / (1 + difference²)", 0, 1),
    ("sum-avg", "mean of the sum of both levels", 2, 510),
    ("sum-var", "variance of the sum of both levels", 0, 4 * 254**2),
    ("sum-entropy", "entropy of the sum of both levels, in bits", 0, _ENTROPY),
    ("entropy", "entropy of the pairs, in bits", 0, _MOST),
    ("diff-var", "variance of the shares of the differences", 0, 1),
    ("diff-entropy", "entropy of the difference of both levels, in bits", 0, _ENTROPY),
    ("info-measure-corr-1", "first measure of correlation by information", -1, 0),
    ("info-measure-corr-2", "second measure of correlation by information", 0, 1),
)

TEXTURE = (
    Feature(
        "Texture_Gabor-frequency-{f}",
        "response to a wave of f pixels over the centroid, the largest of four directions",
        "intensity",
        "Gabor (1946), as CellProfiler's MeasureTexture had it",
    ),
    Feature(
        "Texture_Hu-{n}",
        "Hu moment of the intensities",
        "1",
        "Hu, Visual pattern recognition by moment invariants (1962), as in scikit-image",
        -inf,
        inf,
        "of a black object",
    ),
    *(
        Feature(
            f"Texture_TAS-{name}-{{n}}",
            f"of the pixels {which}, the share with n neighbours that are not",
            source=_TAS,
            high=1,
            missing="no pixel is above Otsu's threshold of the site",
        )
        for name, which in (
            ("center", "outside mu ± margin"),
            ("n-center", "within mu ± margin"),
            ("mu-margin", "at most mu - margin"),
            ("n-mu-margin", "above mu - margin"),
            ("mu", "at most mu"),
            ("n-mu", "above mu"),
        )
    ),
    Feature(
        "Texture_LBP-radius-{r}-{n}",
        "share of the pixels with the n-th rotation-invariant pattern of 8 points at distance r; a "
        "point counts where it is at least as bright as the pixel",
        source="Ojala et al., Multiresolution gray-scale and rotation invariant texture "
        "classification with local binary patterns (2002)",
        high=1,
    ),
    *(
        Feature(
            f"Texture_Haralick-{name}-{{s}}",
            f"{meaning}; pairs of pixels at distance s, mean of four directions",
            "1",
            _HARALICK,
            low,
            high,
            "no two pixels lie at this distance",
        )
        for name, meaning, low, high in _STATISTICS
    ),
)
