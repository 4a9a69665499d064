"""What is measured of raw telemetry before anything is judged: grids, roles, robust statistics."""
