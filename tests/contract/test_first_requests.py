"""The first requests to a web process."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.web import HOST, running


def test_scripts_may_be_the_first_requests_to_a_process(data: Path, tmp_path: Path) -> None:
    """Another process of the server has answered the page, which asks for all of them at once."""
    with running(tmp_path / "first", data) as first:
        scripts = re.findall(r'src="(/_dash-component-suites/[^"]+)"', first.get("/").text)
    assert len(scripts) > 5
    with running(tmp_path / "second", data) as second, ThreadPoolExecutor(len(scripts)) as pool:

        def status(path: str) -> int:
            client = second.client.application.test_client()
            return client.get(path, base_url=HOST).status_code

        assert list(pool.map(status, scripts)) == [200] * len(scripts)
