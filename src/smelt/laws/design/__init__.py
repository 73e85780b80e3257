"""Runs so far -> the runs that tell most next.

valley      the working model: best sizes as one line, with one bend for all budgets
designs     how well runs at hand tell N*, and would with more      candidates  what could be trained
proposals   the runs that narrow N* most for their FLOPs
rounds      proposals, round after round, until N* is known or the compute spent
ladder      the step that trains them
"""
