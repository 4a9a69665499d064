"""Workflow-orchestrated batch AIOps: telemetry in, incidents with causes and tickets out."""

__version__ = "0.1.0"
