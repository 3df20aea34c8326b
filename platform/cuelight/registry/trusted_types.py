"""The classes that an unsigned skops file may bring to life: an explicit list, no module prefixes.

skops builds objects only of types that its caller trusts. Estimators are scikit-learn's public ones, by
enumeration; what fitted ones hold inside is named here, one by one. The few functions are arithmetic on arrays.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from functools import cache
from types import ModuleType

_OWN = ("cuelight.pipelines.descent.GradientDescentRegressor",)

# Module to names of classes that fitted public estimators hold.
_INTERNALS = {
    "sklearn._loss.link": "HalfLogitLink IdentityLink Interval LogLink LogitLink MultinomialLogit",
    "sklearn._loss.loss": (
        "AbsoluteError ExponentialLoss HalfBinomialLoss HalfGammaLoss HalfMultinomialLoss HalfPoissonLoss "
        "HalfSquaredError HalfTweedieLoss HalfTweedieLossIdentity HuberLoss PinballLoss"
    ),
    "sklearn._loss._loss": (
        "CyAbsoluteError CyExponentialLoss CyHalfBinomialLoss CyHalfGammaLoss CyHalfMultinomialLoss CyHalfPoissonLoss "
        "CyHalfSquaredError CyHalfTweedieLoss CyHalfTweedieLossIdentity CyHuberLoss CyPinballLoss"
    ),
    "sklearn.calibration": "_CalibratedClassifier _SigmoidCalibration",
    "sklearn.compose._column_transformer": "_RemainderColsList",
    "sklearn.dummy": "DummyClassifier DummyRegressor",
    "sklearn.ensemble._gb_losses": "BinomialDeviance LeastSquaresError MultinomialDeviance",
    "sklearn.ensemble._hist_gradient_boosting.binning": "_BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
    "sklearn.gaussian_process._gpc": "_BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels": (
        "CompoundKernel ConstantKernel DotProduct ExpSineSquared Exponentiation Hyperparameter Matern PairwiseKernel "
        "Product RBF RationalQuadratic Sum WhiteKernel"
    ),
    "sklearn.linear_model._sgd_fast": (
        "EpsilonInsensitive Hinge Huber Log ModifiedHuber SquaredEpsilonInsensitive SquaredHinge SquaredLoss"
    ),
    "sklearn.metrics._dist_metrics": " ".join(
        f"{metric}Distance{bits}"
        for metric in ("Chebyshev", "Euclidean", "Hamming", "Haversine", "Manhattan", "Minkowski", "SEuclidean")
        for bits in ("", "32", "64")
    ),
    "sklearn.metrics._scorer": "_PassthroughScorer",
    "sklearn.model_selection._split": "GroupKFold KFold RepeatedKFold RepeatedStratifiedKFold ShuffleSplit "
    "StratifiedKFold StratifiedShuffleSplit TimeSeriesSplit",
    "sklearn.neighbors._ball_tree": "BallTree BallTree32 BallTree64",
    "sklearn.neighbors._kd_tree": "KDTree KDTree32 KDTree64",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "sklearn.tree._tree": "Tree",
    "sklearn.utils._bunch": "Bunch",
    "sklearn.utils._metadata_requests": "MetadataRequest MethodMetadataRequest",
    "scipy.interpolate._interpolate": "interp1d",
    "scipy.sparse._coo": "coo_array coo_matrix",
    "scipy.sparse._csc": "csc_array csc_matrix",
    "scipy.sparse._csr": "csr_array csr_matrix",
    "numpy": "dtype ndarray",
    "numpy.random.mtrand": "RandomState",
    "numpy.random._generator": "Generator",
}
_FUNCTIONS = {
    "sklearn.feature_selection._univariate_selection": "chi2 f_classif f_oneway f_regression",
    "sklearn.feature_selection._mutual_info": "mutual_info_classif mutual_info_regression",
}

# What scikit-learn's own modules import where it is installed; its estimators do without.
_LEFT_OUT = ("torch", "dask", "cupy", "jax", "pytest")


@cache
def allowed_types() -> frozenset[str]:
    """Full names of all types that may be loaded without a signature; imports scikit-learn at its first call."""
    from sklearn.utils import all_estimators

    with _alone():
        public = {f"{each.__module__}.{each.__qualname__}" for _, each in all_estimators()}
    named = {
        f"{module}.{name}"
        for table in (_INTERNALS, _FUNCTIONS)
        for module, each in table.items()
        for name in each.split()
    }
    return frozenset({each for each in public if each.startswith("sklearn.")} | named | set(_OWN))


@cache  # once, before there are other threads: they may look for PyTorch, too
def skops_io() -> ModuleType:
    """`skops.io`, imported without what it would bring along."""
    with _alone():
        from skops import io

    return io  # type: ignore[no-any-return]


class _Absent:
    """A finder of modules that finds none, and lets nobody else find those that are left out."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        if name in _LEFT_OUT:
            raise ModuleNotFoundError(f"{name} is left out here.", name=name)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Whoever enumerates scikit-learn's estimators, as skops does, imports what is installed of `_LEFT_OUT`.

    PyTorch alone is 200 MB and seconds in every process, and before the fork in those that must not have it then.
    """
    sys.meta_path.insert(0, _Absent)
    try:
        yield
    finally:
        sys.meta_path.remove(_Absent)
