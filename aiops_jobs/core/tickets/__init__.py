"""From a conclusion to a call on a ticket system: what is said, to whom, and what a call means when it is made."""
