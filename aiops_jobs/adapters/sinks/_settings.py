"""What the settings of every sink have in common."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class SinkSettings(BaseModel):
    """How far a sink may go."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    mode: Literal["off", "log", "mock", "live"] = "live"
    """How far deliveries go: nothing, written down, looked up, or really sent."""
