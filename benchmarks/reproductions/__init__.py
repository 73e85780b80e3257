"""Published scaling laws, fitted again to the published runs.

python -m benchmarks reproductions        prints the figures and writes docs/laws/reproductions.md

Each file holds the studies of one kind: a function a study, from the data to rows of published against reproduced.
"""
