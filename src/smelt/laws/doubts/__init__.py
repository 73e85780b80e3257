"""What to doubt about a law, in plain words.

law    all doubts, and those of the law as a whole       words  lists and counts in sentences
lines  those of curves and the lines through minima      form   those of the fit of a form
"""

from smelt.laws.doubts.law import doubts as doubts
