"""Runbooks: what to do about an incident, as data; which one fits, and under which guards it may run."""
