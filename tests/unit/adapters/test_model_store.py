"""Models come back as they were, run no code on the way, and are refused when a byte is not theirs."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, IsolationForest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from aiops_jobs.adapters.model_store import MAX_EXPANDED_BYTES, SkopsModelStore, canonical
from aiops_jobs.errors import ConfigurationError, CorruptPartError, NotFoundError

FEATURES = np.random.default_rng(7).normal(size=(300, 4))
LABELS = (FEATURES[:, 0] + FEATURES[:, 1] > 0.5).astype(int)
MODELS = {
    "boosted classifier": lambda: HistGradientBoostingClassifier(
        max_iter=8, random_state=0, early_stopping=True, monotonic_cst=[1, 0, 0, 0]
    ).fit(FEATURES, LABELS),
    "boosted quantile": lambda: HistGradientBoostingRegressor(
        loss="quantile", quantile=0.9, max_iter=8, random_state=0
    ).fit(FEATURES, FEATURES[:, 2]),
    "isotonic": lambda: IsotonicRegression(out_of_bounds="clip").fit(FEATURES[:, 0], LABELS),
    "logistic": lambda: LogisticRegression().fit(FEATURES, LABELS),
    "calibrated": lambda: CalibratedClassifierCV(
        HistGradientBoostingClassifier(max_iter=4, random_state=0), method="isotonic", cv=2
    ).fit(FEATURES, LABELS),
    "pipeline": lambda: make_pipeline(StandardScaler(), Ridge()).fit(FEATURES, FEATURES[:, 1]),
    "forest": lambda: IsolationForest(n_estimators=5, random_state=0).fit(FEATURES),
}


def judge(model, features=FEATURES):
    rows = features[:, 0] if isinstance(model, IsotonicRegression) else features
    return model.predict_proba(rows) if hasattr(model, "predict_proba") else model.predict(rows)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_judges_after_loading_as_it_did_before(tmp_path: Path, name: str):
    model = MODELS[name]()
    store = SkopsModelStore(tmp_path)
    path, sha256 = store.save("failure_risk", "fr-1", model)
    assert path == "failure_risk/fr-1.skops"
    assert sha256 == hashlib.sha256((tmp_path / path).read_bytes()).hexdigest()
    np.testing.assert_array_equal(judge(store.load(path, sha256)), judge(model))


def test_plain_containers_come_back_with_the_model_inside(tmp_path: Path):
    bundle = {
        "features": ["temperature", "reallocated"],
        "file": "a name that looks like a member",
        "__id__": "and one that looks like an address",
        "bounds": (0.1, None, True),
        "grid": np.arange(6.0).reshape(2, 3),
        "model": MODELS["boosted classifier"](),
        "calibrator": MODELS["isotonic"](),
    }
    store = SkopsModelStore(tmp_path)
    found = store.load(*store.save("failure_risk", "fr-2", bundle))
    for plain in ("features", "file", "__id__", "bounds"):
        assert found[plain] == bundle[plain]
    np.testing.assert_array_equal(found["grid"], bundle["grid"])
    np.testing.assert_array_equal(judge(found["model"]), judge(bundle["model"]))


@pytest.mark.parametrize("name", MODELS)
def test_equal_models_make_equal_files(tmp_path: Path, name: str):
    store = SkopsModelStore(tmp_path)
    _, first = store.save("m", "1", MODELS[name]())
    _, second = store.save("m", "2", MODELS[name]())
    assert first == second


def test_equal_models_make_equal_files_in_another_process(tmp_path: Path):
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_model_store import MODELS, SkopsModelStore\n"
        "print(SkopsModelStore(sys.argv[2]).save('m', 'there', MODELS['calibrated']())[1])"
    )
    here = SkopsModelStore(tmp_path).save("m", "here", MODELS["calibrated"]())[1]
    command = [sys.executable, "-c", script, str(Path(__file__).parent), str(tmp_path)]
    there = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert there == here


def test_canonical_bytes_stay_as_they_are(tmp_path: Path):
    data = canonical(skops.io.dumps(MODELS["calibrated"]()))
    assert canonical(data) == data


def test_any_changed_byte_is_noticed_before_the_file_is_opened(tmp_path: Path):
    store = SkopsModelStore(tmp_path)
    path, sha256 = store.save("m", "1", MODELS["isotonic"]())
    good = (tmp_path / path).read_bytes()
    for position in np.random.default_rng(3).integers(0, len(good), 60):
        bad = bytearray(good)
        bad[position] ^= 1 << int(position) % 8
        (tmp_path / path).write_bytes(bad)
        with pytest.raises(CorruptPartError, match=sha256):
            store.load(path, sha256)
    (tmp_path / path).write_bytes(good[:-1])
    with pytest.raises(CorruptPartError):
        store.load(path, sha256)


def test_a_model_signed_with_another_key_is_refused_even_if_the_digest_fits(tmp_path: Path):
    model = MODELS["isotonic"]()
    path, sha256 = SkopsModelStore(tmp_path, b"theirs").save("m", "1", model)
    with pytest.raises(CorruptPartError, match="signature"):
        SkopsModelStore(tmp_path, b"ours").load(path, sha256)
    ours = SkopsModelStore(tmp_path, b"ours")
    assert ours.save("m", "1", model) == (path, sha256)
    np.testing.assert_array_equal(judge(ours.load(path, sha256)), judge(model))
    (tmp_path / "m" / "1.skops.hmac").unlink()
    with pytest.raises(CorruptPartError, match="missing"):
        ours.load(path, sha256)


def test_a_type_outside_the_list_is_refused_when_saved_and_when_loaded(tmp_path: Path):
    store = SkopsModelStore(tmp_path)
    foreign = {"share": Fraction(1, 3)}
    with pytest.raises(ConfigurationError, match=r"fractions\.Fraction"):
        store.save("m", "1", foreign)
    assert not any(tmp_path.rglob("*.skops"))
    data = skops.io.dumps(foreign)
    (tmp_path / "m.skops").write_bytes(data)
    with pytest.raises(ConfigurationError, match=r"fractions\.Fraction"):
        store.load("m.skops", hashlib.sha256(data).hexdigest())


def test_a_file_that_asks_for_a_command_runs_nothing(tmp_path: Path):
    canary = tmp_path / "canary"

    class Attack:
        def __reduce__(self):
            import os

            return os.system, (f"touch {canary}",)

    data = skops.io.dumps(Attack())
    (tmp_path / "m.skops").write_bytes(data)
    with pytest.raises(ConfigurationError, match="allow-list"):
        SkopsModelStore(tmp_path).load("m.skops", hashlib.sha256(data).hexdigest())
    assert not canary.exists()


def test_a_bomb_is_refused_by_its_size(tmp_path: Path):
    sink = io.BytesIO()
    block = b"\0" * (1 << 20)
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("0.npy", "w") as member:
        for _ in range(MAX_EXPANDED_BYTES // len(block) + 1):
            member.write(block)
    data = sink.getvalue()
    assert len(data) < 1 << 20
    (tmp_path / "bomb.skops").write_bytes(data)
    with pytest.raises(CorruptPartError, match="unpacked"):
        SkopsModelStore(tmp_path).load("bomb.skops", hashlib.sha256(data).hexdigest())


def test_names_stay_in_the_store(tmp_path: Path):
    store = SkopsModelStore(tmp_path / "models")
    for name, version in (("..", "x"), ("../out", "1"), ("m", "../../1"), ("", "1"), ("/m", "1")):
        with pytest.raises(ConfigurationError, match="file name"):
            store.save(name, version, {})
    with pytest.raises(ConfigurationError, match="file name"):
        store.load("../secret.skops", "0" * 64)
    with pytest.raises(NotFoundError, match="gone"):
        store.load("m/gone.skops", "0" * 64)
    assert not (tmp_path / "models").exists()
