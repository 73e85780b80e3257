"""Losses -> scores of tasks.

downstream  size and tokens to loss, loss to accuracy       trend       how a score goes with compute: jumps, U shapes
"""
