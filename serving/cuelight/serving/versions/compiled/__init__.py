"""Quicker ways to the same answer, for common scikit-learn models. One serves only if the trial proved it equal.

A model is put together anew as array code over its fitted attributes: `source.py` takes the columns of a request,
`steps.py` does what its transformers do, `linear.py` and `trees.py` what its estimator does, and `candidates.py` makes
one call of it. No DataFrame is made, and nothing is checked that the decoder has checked before. An input outside of
what the code was made for is `Unfit`: the model itself answers it, or raises what it always raised.

Labels are the model's own, to the bit. Numbers are too where the arithmetic is done in the same order (scalers,
encoders, trees); a linear model's sum of products is within `TOLERANCE` of the largest answer.
"""

from cuelight.serving.versions.compiled.candidates import candidates, on_arrays
from cuelight.serving.versions.compiled.equality import TOLERANCE, equal
from cuelight.serving.versions.compiled.parts import Answer, Array, Compiled, Unfit, kind

__all__ = ["TOLERANCE", "Answer", "Array", "Compiled", "Unfit", "candidates", "equal", "kind", "on_arrays"]
