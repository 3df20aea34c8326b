"""What was found, as a run in MLflow with its pages."""
