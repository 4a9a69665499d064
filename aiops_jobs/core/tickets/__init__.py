"""From conclusions to what a ticket shall say: drafts, redaction, and which call is due."""
