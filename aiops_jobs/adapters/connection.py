"""Where another system is and how to log in there: settings that every HTTP connector shares."""

from __future__ import annotations

from pathlib import Path

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from aiops_jobs.adapters.http import HTTPClient


class Connection(BaseModel):
    """Address and authentication of one system."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    url: str
    """Address, with a path prefix if there is one."""
    token: SecretStr | None = None
    """Bearer token."""
    user: str = ""
    """User of basic authentication."""
    password: SecretStr = SecretStr("")
    """Password of basic authentication."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """Further headers, such as ``X-Scope-OrgID``."""
    ca_file: Path | None = None
    """Certificates to trust instead of the system's."""
    timeout_s: float = Field(default=30.0, gt=0)
    """Deadline of one request."""

    def client(
        self, name: str, *, max_body_bytes: int = 64 << 20, transport: httpx.BaseTransport | None = None
    ) -> HTTPClient:
        """Return a client of the system; ``name`` is what errors call the connector."""
        return HTTPClient(
            name,
            self.url,
            headers=self.headers,
            auth=(self.user, self.password) if self.user else None,
            bearer=self.token,
            timeout_s=self.timeout_s,
            max_body_bytes=max_body_bytes,
            ca_file=self.ca_file,
            transport=transport,
        )
