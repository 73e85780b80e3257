"""Runs on mixtures of domains -> the loss of any mixture, and the best one.

fit         a law a validation loss, by three methods       law         the law as a value: predict, best mixture
simplex     the least of a function of shares               trees       gradient-boosted trees (RegMix)
"""
