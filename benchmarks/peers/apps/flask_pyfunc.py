"""The usual way to put an MLflow model behind Flask."""

import os
from typing import Any

import mlflow.pyfunc
import pandas as pd
from flask import Flask, request

app = Flask(__name__)
model = mlflow.pyfunc.load_model(os.environ["MLFLOW_MODEL"])


@app.post("/invocations")
def invocations() -> dict[str, Any]:
    """Predict the rows of a `dataframe_split`."""
    split = request.get_json()["dataframe_split"]
    return {"predictions": model.predict(pd.DataFrame(split["data"], columns=split["columns"])).tolist()}
