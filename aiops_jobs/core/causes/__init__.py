"""What points at a cause, as numbers over plain arrays: deviations, blame in the call graph, changed logs and traces.

Nothing here knows incidents, tables or data sets; incidents ask these functions, and so does whoever has bare metrics.
"""
