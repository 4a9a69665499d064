"""Pages and summaries of what was found."""
