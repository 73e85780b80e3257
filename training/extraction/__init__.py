"""Trains the learned extractor: pages and labels, lexicons, two stages of trees, the record of how good they are."""
