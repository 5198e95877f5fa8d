"""Pipelines that bring commitments, actuals and projects from ERPs into the Costbook."""
