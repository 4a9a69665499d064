import pytest

from aiops_jobs.bootstrap import code_version, connect, without_secrets
from aiops_jobs.errors import ConfigurationError
from aiops_jobs.settings import ConnectorSettings, load_policies, load_settings


def write(tmp_path, text):
    path = tmp_path / "aiops.toml"
    path.write_text(text)
    return path


def test_the_environment_wins_over_the_file_and_merges_into_named_tables(tmp_path, monkeypatch):
    path = write(tmp_path, '[sources.prom_eu]\nkind = "prometheus"\nurl = "http://a"\n')
    monkeypatch.setenv("AIOPS_SOURCES__PROM_EU__TOKEN", "s3cret")
    monkeypatch.setenv("AIOPS_HOME", str(tmp_path / "state"))
    settings = load_settings(path)
    assert settings.home == tmp_path / "state"
    assert settings.sources["prom_eu"].model_dump() == {"kind": "prometheus", "url": "http://a", "token": "s3cret"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("warehouse_ulr = 'x'\n", ["`warehouse_ulr`", "aiops.toml", "line 1", "Did you mean `warehouse_url`?"]),
        ("[policies.anomaly]\nwidht = 3.0\n", ["`policies.anomaly.widht`", "line 2", "Did you mean `width`?"]),
        ("[policies.anomalies]\nwidth = 3.0\n", ["`policies.anomalies`", "line 1", "Did you mean `anomaly`?"]),
        ("[policies.anomaly]\nwidth = 'wide'\n", ["`policies.anomaly.width`", "line 2", "number"]),
        ("[[policies.roles]]\npattern = 'x'\nrule = 'y'\n", ["`policies.roles.rule`", "Did you mean `role`?"]),
        ("report_url = 'javascript:alert(1)'\n", ["`report_url`", "line 1", "AIOPS_REPORT_URL"]),
        ("report_url = 'https://a.example/x) [y](z'\n", ["`report_url`"]),
        ("home = \n", ["not TOML", "aiops.toml"]),
    ],
)
def test_a_wrong_setting_names_itself_its_place_and_the_nearest_valid_name(tmp_path, text, wanted):
    with pytest.raises(ConfigurationError) as caught:
        load_settings(write(tmp_path, text))
    assert [word for word in wanted if word not in str(caught.value)] == []
    assert caught.value.exit_code == 2


def test_an_unknown_variable_is_refused_before_it_is_silently_ignored(monkeypatch):
    monkeypatch.setenv("AIOPS_WAREHOSE_URL", "x")
    with pytest.raises(ConfigurationError, match="AIOPS_WAREHOUSE_URL"):
        load_settings()


def test_policies_take_what_is_said_and_keep_the_rest(tmp_path):
    settings = load_settings(write(tmp_path, "[policies.anomaly]\nwidth = 7\n"))
    policies, default = load_policies(settings), load_policies(load_settings(write(tmp_path, "")))
    assert policies.anomaly.width == 7.0
    assert policies.anomaly.lookback_s == default.anomaly.lookback_s
    assert policies.version("anomaly") != default.version("anomaly")
    assert policies.version("tickets") == default.version("tickets")


def test_an_unknown_kind_of_source_lists_the_known_ones():
    with pytest.raises(ConfigurationError, match="Use one of: files, prometheus"):
        registry = {"files": "x:Y", "prometheus": "x:Y"}
        connect("sources", registry, {"eu": ConnectorSettings(kind="promtheus")})


def test_secrets_do_not_reach_digests():
    said = {"url": "http://x", "token": "a", "auth": {"password": "b", "user": "me"}, "list": [{"api_key": 1}]}
    assert without_secrets(said) == {"url": "http://x", "auth": {"user": "me"}, "list": [{}]}


def test_the_code_version_names_the_source():
    assert code_version().startswith("0.1.0+")
    assert len(code_version().split("+")[1]) == 12
