"""Requests generated from the description of the interface, to a real server: responses are as described.

The seed is fixed; `.ci/nightly` sends more of them, with a seed of the day (`FUZZ_SEED`), and those at
the limits of each parameter.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import conftest, files

LONG = (pytest.mark.nightly, pytest.mark.timeout(7200))
ALL_PHASES = "examples,coverage,fuzzing"
# Of most requests, those about a volume that there is tell more.
KNOWN = '[parameters]\nfile = "scan.h5"\ndataset = "/volume"\n'
# All checks but that well-formed requests succeed: text that is no selection is well-formed. A busy server may say
# so, and of a report whatever is right counts.
CHECKS = """
[checks.positive_data_acceptance]
enabled = false
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "503"]
[[operations]]
include-path = "/api/v1/telemetry"
checks.negative_data_rejection.enabled = false
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("generated")
    values = np.random.default_rng(3).integers(0, 4000, (12, 40, 50)).astype("u2")
    how = {"chunks": (4, 16, 16), "compression": "gzip"}
    path = files.write(folder / "scan.h5", volume=(values, how))
    with conftest.serving(folder, conftest.unused_port(), "serve", str(path)) as server:
        yield server.url
        log = server.log.read_text()
        assert "Traceback" not in log
        assert " ERROR " not in log


def strict(schema: Any) -> Any:
    """A schema that lets no other fields pass than those that it names."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: strict(one) for name, one in schema.items()}
    if made.get("type") == "object" and "properties" in made:
        made.setdefault("additionalProperties", False)
    return made


@pytest.mark.parametrize(
    ("examples", "known", "phases"),
    [
        pytest.param(10, True, "examples,fuzzing", id="known"),
        pytest.param(1000, True, ALL_PHASES, id="known-long", marks=LONG),
        pytest.param(1000, False, ALL_PHASES, id="any-long", marks=LONG),
    ],
)
def test_responses_are_as_described(
    url: str, tmp_path: Path, examples: int, known: bool, phases: str
) -> None:
    with urllib.request.urlopen(f"{url}/api/v1/openapi.json") as response:
        document = json.load(response)
    # What others send may have more fields; what the server sends is to be described.
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"] = strict(operation["responses"])
    document["components"]["schemas"] = strict(document["components"]["schemas"])
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    config = tmp_path / "schemathesis.toml"
    config.write_text((KNOWN if known else "") + CHECKS)
    run = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"),
            *(str(tmp_path / "openapi.json"), "--url", url),
            *("--phases", phases, "--max-examples", str(examples)),
            *("--seed", os.environ.get("FUZZ_SEED", "1"), "--warnings", "off", "--no-color"),
            *("--suppress-health-check", "all", "--generation-database", "none"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-5_000:]
