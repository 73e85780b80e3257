"""Anyone's table of runs -> a run table.

read        a table in a file, whatever its kind              run_table   which becomes a run table, by
columns     which column is which                           quantities  what a column may hold
cells       numbers and names as people write them          expressions conditions and units in the user's words
selection   which runs enter a fit                          suspicion   units and cells that cannot be right
arrays      columns as arrays, for laws of other tables
"""
