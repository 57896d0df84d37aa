"""Predictions of a build: from the warehouse's tables to tables of predictions, with their model card."""
