"""Runs -> law.

read      a table of runs in anyone's file                   table     which becomes a run table, by
columns   which column is which; quantities their names      cells     numbers and names; expressions conditions
selection which runs enter a fit                             suspicion units and cells that cannot be right

points    what enters a fit, and what N, D and C mean       overhead  from all parameters to N, and back
budgets   which runs were made for one budget               minima    a budget's curve, and the lines through minima
forms     L(N, D) as a formula with its gradient            isoflop   parabolas, and cubics where curves lean
akima     curves interpolated between runs                  envelope  the least loss at each compute, and who reaches it
lines     what these three found, as records                methods   what any method says, in one shape
fit       a form's parameters and bootstrap; bfgs its engine      objective  what it minimises
derive    all methods on one table of runs                 validate  held-out error, the methods side by side
doubts    what not to believe, in words                     findings  law.json
law       the law as a value: predict, optimum
valley    the working model of a ladder, by which              design  the next runs: those that tell most
adaptive  rounds of them until N* is known                  adaptive_ladder  the step that trains them
"""
