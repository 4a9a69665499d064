"""Flows are sentences: jobs in order, with retries, concurrency and schedules. Nothing else knows Prefect."""

from flows import environment as environment
