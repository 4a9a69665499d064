"""From notifications and findings to incidents: episodes, groups, priorities, ranked causes, evidence.

The way through the package: ``alerts`` (notifications to episodes), ``members`` (episodes and anomalies side by side),
``topology`` (who depends on whom, when), ``sessions`` (what belongs together at one node), ``links`` (which sessions
are related), ``apart`` (which are not, after all), ``group`` (incidents and their ids), ``membership`` (why each member
belongs). Then, one incident at a time: ``case``, ``candidates`` with ``announcements`` and ``proofs``, ``signals`` and
``witnesses`` (logs and traces), ``causes`` (the ranking), ``priority``, ``story`` (words), ``incident`` (rows).
``correlation`` is all of it; ``carry`` ends incidents of earlier runs.

To add a kind of candidate cause: a function in ``candidates`` that yields it with its features, listed in ``propose``.
"""
