"""Runs -> law.

tables      anyone's table of runs becomes a run table
points      what enters a fit, and what N, D and C mean       overhead   from all parameters to N, and back
budgets     which runs were made for one budget
forms       L(N, D) as a formula with its gradient
fitting     a form's parameters, and what they hang on        curves     each budget's best size, and lines through them
parametric  what fitting found, as records                    lines      what curves found, as records
derive      all methods on one table of runs                  validate   held-out error, the methods side by side
doubts      what not to believe, in words                     checklist  what a reader must be told of a fit
findings    law.json                                          methods    what any method says, in one shape
law         the law as a value: predict, optimum              published  the laws of papers, by name
design      the runs that tell most next, and a ladder that chooses its own
mixtures    laws of shares of domains                         scores     laws of what tasks score
sweeps      laws of learning rate and batch
"""
