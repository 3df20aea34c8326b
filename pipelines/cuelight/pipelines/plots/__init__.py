"""Figures that a person looks at in MLflow before promoting a version."""
