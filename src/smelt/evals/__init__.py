"""Trained models -> scores: what a model answers to held-out examples, and how right that is."""
