"""Lets ``python -m aiops_jobs`` stand for ``aiops``."""

from aiops_jobs.cli import main

if __name__ == "__main__":
    main()
