"""Figures: on a run's page in MLflow, before somebody promotes its version, and those that commands draw."""
