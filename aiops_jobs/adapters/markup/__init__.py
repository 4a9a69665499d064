"""Writes a body in another system's markup: one module a markup, each answering `aiops_jobs.ports.Renderer`."""
