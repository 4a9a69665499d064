"""Models as files that run no code when they are opened: skops, a fixed list of types, a digest, perhaps a signature.

A model is data from outside the process, like a ticket or a log line, until its digest is the one the registry knows.
So the order on opening is: digest, signature, size, types, and only then the model.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiops_jobs.adapters.files import resolve_inside, write_atomic
from aiops_jobs.errors import ConfigurationError, CorruptPartError, NotFoundError

TRUSTED_TYPES = (
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    # Trees hold raw child indices that scikit-learn follows unchecked: safe only behind the digest.
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)
"""Beyond what skops trusts by itself (numbers, text, lists, dicts, NumPy arrays, scikit-learn's own estimators).

The list is part of the code: what a file asks for never extends it."""
MAX_EXPANDED_BYTES = 512 * 1024 * 1024
SUFFIX = ".skops"
SIGNATURE_SUFFIX = ".hmac"
_EARLIEST_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_SCHEMA = "schema.json"


class SkopsModelStore:
    """Model files under one folder, as ``<model_name>/<model_version>.skops``.

    Args:
        root: The folder; made when the first model is saved.
        key: If given, every model is signed (HMAC-SHA256, beside the file) and opened only with a good signature.
    """

    def __init__(self, root: Path | str, key: bytes | None = None) -> None:
        self.root = Path(root)
        self._key = key

    def save(self, model_name: str, model_version: str, model: Any) -> tuple[str, str]:
        """Store ``model`` durably; return its path inside the store and its SHA-256. Equal models make equal files.

        Raises:
            ConfigurationError: A name leads out of the store, or the model holds types that could not be loaded again.
        """
        import skops.io

        name = f"{model_name}/{model_version}{SUFFIX}"
        path = resolve_inside(self.root, name)
        data = canonical(skops.io.dumps(model))
        foreign = sorted(set(skops.io.get_untrusted_types(data=data)) - set(TRUSTED_TYPES))
        if foreign:
            raise _untrusted(name, foreign)
        write_atomic(path, data)
        if self._key is not None:
            write_atomic(_signature_path(path), self._signature(data).encode())
        return name, hashlib.sha256(data).hexdigest()

    def load(self, path: str, sha256: str) -> Any:
        """Return the model.

        Raises:
            NotFoundError: There is no such file.
            CorruptPartError: The file is not the one that was registered or signed.
            ConfigurationError: It holds types this program does not trust.
        """
        import skops.io
        from skops.io.exceptions import UntrustedTypesFoundException

        file = resolve_inside(self.root, path)
        if not file.is_file():
            raise NotFoundError("model file", path, remedy="Run `aiops run train`, or restore the model store.")
        data = file.read_bytes()
        actual = hashlib.sha256(data).hexdigest()
        if actual != sha256:
            raise CorruptPartError(path, sha256, actual)
        self._verify_signature(file, path, data)
        _verify_size(path, data)
        try:
            return skops.io.loads(data, trusted=list(TRUSTED_TYPES))
        except UntrustedTypesFoundException as error:
            raise _untrusted(path, [str(error).splitlines()[0]]) from error

    def _signature(self, data: bytes) -> str:
        return hmac.new(self._key or b"", data, hashlib.sha256).hexdigest()

    def _verify_signature(self, file: Path, path: str, data: bytes) -> None:
        if self._key is None:
            return
        beside = _signature_path(file)
        found = beside.read_text(errors="replace").strip() if beside.is_file() else "missing"
        expected = self._signature(data)
        if not hmac.compare_digest(found.encode(), expected.encode()):
            raise CorruptPartError(path + SIGNATURE_SUFFIX, "a signature with this installation's key", found[:64])


def canonical(data: bytes) -> bytes:
    """Return a skops file with the same content and nothing accidental in it: equal models make equal bytes.

    skops names things by their addresses in memory and stamps members with the clock. Both are replaced: things are
    numbered in the order they appear, arrays are called by their number, dates are the earliest a zip can hold.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        schema = json.loads(archive.read(_SCHEMA))
        members = {name: archive.read(name) for name in archive.namelist() if name != _SCHEMA}
    numbers: dict[int, int] = {}
    names: dict[str, str] = {}
    for position, node in enumerate(_nodes(schema), start=1):
        # Plain values are numbered each for itself: which of them Python happens to share is an accident.
        accident = node["__id__"] if node.get("__loader__") != "JsonNode" else -position
        node["__id__"] = numbers.setdefault(accident, len(numbers) + 1)
        file = node.get("file")
        if isinstance(file, str) and file in members:
            node["file"] = names.setdefault(file, f"{len(names) + 1:06d}{Path(file).suffix}")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:  # compressors differ between machines
        contents = {names.get(name, name): content for name, content in members.items()}
        contents[_SCHEMA] = json.dumps(schema, separators=(",", ":")).encode()
        for name in sorted(contents):
            info = zipfile.ZipInfo(name, date_time=_EARLIEST_ZIP_DATE)
            info.create_system, info.external_attr = _UNIX, 0o644 << 16
            archive.writestr(info, contents[name])
    return out.getvalue()


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every node that has an id, in the order of the file; the walk needs no recursion."""
    waiting = [schema]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if isinstance(item.get("__id__"), int):
                yield item
            waiting.extend(reversed(item.values()))
        elif isinstance(item, list):
            waiting.extend(reversed(item))


def _verify_size(path: str, data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        expanded = sum(member.file_size for member in archive.infolist())
    if expanded > MAX_EXPANDED_BYTES:
        raise CorruptPartError(path, f"at most {MAX_EXPANDED_BYTES} bytes when unpacked", f"{expanded} bytes")


def _signature_path(path: Path) -> Path:
    return path.with_name(path.name + SIGNATURE_SUFFIX)


def _untrusted(path: str, types: list[str]) -> ConfigurationError:
    return ConfigurationError(
        "model",
        f"holds types outside the allow-list: {', '.join(types)}",
        remedy="Build models of the listed types, or review the type and add it to TRUSTED_TYPES.",
        place=path,
    )
