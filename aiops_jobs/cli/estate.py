"""Commands around the simulated estate: write one, or run the whole house on one."""

from __future__ import annotations

import sys
from datetime import timedelta
from importlib import import_module
from pathlib import Path

from aiops_jobs.cli.output import say, show_rows
from aiops_jobs.errors import ConfigurationError, NotFoundError
from aiops_jobs.window import Window, parse_instant

DEMO_START = "2026-11-09T00:00:00Z"


def simulate(
    *, scenario: str = "demo", seed: int = 1, out: Path = Path("estate"), start: str = DEMO_START, days: int = 7
) -> None:
    """Write a simulated estate with known faults as files, as somebody's exports would be.

    Parameters
    ----------
    scenario:
        demo, black_friday, card_payments or quiet_week.
    seed:
        The same seed gives the same bytes.
    out:
        Folder to write to; `ledger.json` in it names every injected fault.
    start:
        Begin of the judged period; history lies before it.
    days:
        Length of the judged period.
    """
    from aiops_jobs.adapters.estate_files import write_estate
    from aiops_jobs.core.estate import SCENARIOS, EstateSpec
    from aiops_jobs.core.estate import simulate as make

    if scenario not in SCENARIOS:
        raise NotFoundError("scenario", scenario, remedy=f"There are: {', '.join(SCENARIOS)}.")
    begin = parse_instant(start)
    say(f"simulating `{scenario}` with seed {seed}")
    estate = make(EstateSpec(scenario=scenario, seed=seed, window=Window(begin, begin + timedelta(days=days))))
    write_estate(estate, out)
    rows = [{"table": name, "rows": table.num_rows} for name, table in estate.tables.items()]
    show_rows([*rows, {"table": "faults (ledger.json)", "rows": len(estate.ledger)}], as_json=False, title=str(out))


def demo(
    *, home: Path = Path(".aiops"), scenario: str = "demo", seed: int = 1, days: int = 7, json: bool = False
) -> None:
    """Run the whole main job on a simulated estate through real Prefect flows, and score it against the known faults.

    Parameters
    ----------
    home:
        Folder of the state; its settings file lets you go on with `aiops explain`, `aiops tickets`, ….
    scenario:
        demo, black_friday, card_payments or quiet_week.
    seed:
        The same seed gives the same result.
    days:
        Length of the judged period; one nightly run a day.
    json:
        Print the scoreboard as JSON.
    """
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    try:
        flows_demo = import_module("flows.demo")
    except ModuleNotFoundError as error:
        remedy = "Run it from a checkout: flows/ lies beside the package."
        raise ConfigurationError("demo", f"needs `{error.name}`", remedy=remedy) from error
    flows_demo.run_demo(home=home, scenario=scenario, seed=seed, days=days, as_json=json)
