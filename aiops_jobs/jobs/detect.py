"""Judge the metrics of one window and record what is unusual."""
