"""What people say about our conclusions, and what follows from it. Pure: rows in, rows out.

verdicts.py    how a ticket was resolved -> verdict      leniency.py   verdicts -> wider bands, at each instant
labels.py      rows of ``labels``; which of them holds   past.py       verdicts -> rows like those of closed tickets
durations.py   times to detect, acknowledge, resolve     outcomes.py   what became of an incident
"""
