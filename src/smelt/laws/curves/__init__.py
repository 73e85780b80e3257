"""Points -> the best size of each budget, and a line through them: no form of L(N, D) is assumed.

minima      a budget's curve, and the lines through minima  noise       of runs about their curves, by compute
isoflop     parabolas, and cubics where curves lean         akima       curves interpolated between runs
envelope    the least loss at each compute, and who reaches it
"""
