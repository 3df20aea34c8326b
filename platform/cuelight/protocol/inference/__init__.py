"""The Open Inference Protocol v2 over REST: tensors to rows, predictions to tensors; JSON and its binary extension.

`tensor.py` reads and writes one tensor, `request.py` cuts a request into them, `rows.py` makes a signature's rows of
them, `answer.py` makes tensors of predictions, and `metadata.py` says what a model takes and gives.
"""

from cuelight.protocol.inference.answer import encode, predictions
from cuelight.protocol.inference.metadata import input_tensors, output_tensors
from cuelight.protocol.inference.request import Wanted, decode

__all__ = ["Wanted", "decode", "encode", "input_tensors", "output_tensors", "predictions"]
