"""Pieces of a model as one pass each, for training in bfloat16 on a CPU: what torch does in several, or slowly.

Each gives what the plain piece in `models` gives, but for rounding to bfloat16, and is taken where `suits` says so.
Products of matrices stay torch's.
"""
