"""Runs -> law.

read      a table of runs in anyone's file                   table     which becomes a run table, by
columns   which column is which; quantities their names      cells     numbers and names; expressions conditions
selection which runs enter a fit                             suspicion units and cells that cannot be right

points    what enters a fit, and what N, D and C mean       overhead  from all parameters to N, and back
forms     L(N, D) as a formula with its gradient            isoflop   parabolas, minima and the lines through them
fit       a form's parameters and bootstrap; bfgs its engine      objective  what it minimises
derive    both methods on one table of runs                 validate  held-out error, the methods side by side
doubts    what not to believe, in words                     findings  law.json
law       the law as a value: predict, optimum
"""
