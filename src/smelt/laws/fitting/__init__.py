"""Points and a form -> its parameters, and what they hang on.

objective   what is minimised                               problem     a form on its runs, ready for a solver
fit         the optimum from many starts, its bootstrap     projection  starts where the form is linear
bfgs        the compiled engine                             plain       scipy's, for forms that do not compile
resampling  runs, seeds or budgets drawn again              redraw      losses with residuals drawn anew
profile     the least objective at every value of one parameter
influence   the fit without one run, or without the furthest
"""
