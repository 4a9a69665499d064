"""How fast and how good the jobs are: CPU seconds beside peers, and public labelled data scored by outside scorers.

A thin layer over the public API of ``aiops_jobs``: nothing here is a method of its own, and no data lives here.
"""
