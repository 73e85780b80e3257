"""Trains the learned extractor: pages and labels, lexicons, two stages of trees, and the record of how good they are."""
