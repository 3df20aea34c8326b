"""Calls Cuelight as other programs do: a request and its answer, and the plugin for `mlflow.deployments`."""
