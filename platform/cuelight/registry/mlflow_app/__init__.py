"""An app for `mlflow server --app-name cuelight`: MLflow's own, which also tells who edits models, and when."""
