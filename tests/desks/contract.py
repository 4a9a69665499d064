"""Holds requests against the vendor's own OpenAPI document, where the folder of documents is at hand.

A desk of an API with a document asks `Contract.problem` first in ``answer`` and refuses what breaks it, with the vendor's
own status; every breach is kept in ``HttpDesk.breaches``, and the conformance kit fails on any. Without the documents
(``AIOPS_SHARED``) a desk enforces only what it knows by itself.
"""

import functools
import json
import os
from pathlib import Path

from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from werkzeug.datastructures import Headers, ImmutableMultiDict

HOST = "http://desk.invalid"


class Contract:
    """The rules of one document.

    Args:
        document: Its file name in ``specs/``, without ``.json``.
        prefix: What the desk's paths begin with before the document's own (``/2.0`` of a gateway), cut off first.
        tweak: Mends a known defect of the document, in place.
    """

    def __init__(self, document, prefix="", tweak=None):
        self.document, self.prefix = document, prefix
        self._api = _load(document, tweak)

    @property
    def is_enforced(self):
        return self._api is not None

    def problem(self, request):
        """Return what is wrong with a `desks.base.Request` by the document, or None."""
        if self._api is None:
            return None
        try:
            self._api.validate_request(_Asked(request, self.prefix))
        except OpenAPIError as error:
            broken = getattr(error.__cause__, "schema_errors", ()) or ()
            places = [f"{list(each.absolute_path)}: {each.message}"[:300] for each in broken]
            causes = [str(error), str(error.__cause__ or ""), *places]
            return "; ".join(cause for cause in causes if cause)
        return None


class _Asked:
    def __init__(self, request, prefix):
        self.host_url = HOST
        self.path = request.path.removeprefix(prefix)
        self.path_pattern = None
        self.method = request.method.lower()
        self.body = request.body or None
        self.content_type = request.headers.get("content-type", "application/json").split(";")[0]
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(list(request.query.items())),
            header=Headers(dict(request.headers)),
            cookie=ImmutableMultiDict(),
        )


@functools.cache
def _load(document, tweak):
    folder = os.environ.get("AIOPS_SHARED")
    path = Path(folder or Path(__file__).parents[3] / "shared") / "specs" / f"{document}.json"
    if not path.is_file():
        return None
    told = json.loads(path.read_text())
    told["servers"] = [{"url": HOST}]
    told.pop("security", None)
    for item in told["paths"].values():
        item.pop("servers", None)
        for operation in item.values():
            if isinstance(operation, dict):
                operation.pop("servers", None)
                operation.pop("security", None)
    if tweak:
        tweak(told)
    return OpenAPI.from_dict(told)
