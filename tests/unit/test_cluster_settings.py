"""Settings about other machines: addresses, names, and what others could read."""

from __future__ import annotations

import pytest

from dashboard.errors import SetupError
from dashboard.settings import load_settings

NODE_TOKEN = "pR3sD6fG1hJ5cV0b"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("localhost:6379", "it is an address"),
        ("http://localhost", "it is an address"),
        ("redis://10.0.0.5", "it has to be encrypted: rediss://"),
        ("redis://u:p@redis.example", "it has to be encrypted: rediss://"),
        ("rediss://redis.example", "it needs a user with a password"),
        ("rediss://:p@redis.example", "it needs a user with a password"),
        ("rediss://u:p@redis.example?ssl_cert_reqs=none", "nothing but ssl_ca_certs"),
    ],
)
def test_a_store_that_others_could_read_is_refused(url: str, reason: str) -> None:
    with pytest.raises(SetupError, match="LAMELLA_CLUSTER") as caught:
        load_settings({"cluster": url})
    assert reason in str(caught.value)
    assert "redis.example" not in str(caught.value).replace("USER:PASSWORD@HOST", "")


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1",
        "redis://localhost:1/2",
        "redis://[::1]:6379",
        "unix:///run/redis.sock",
        "rediss://u:p@redis.example:6380/0?ssl_ca_certs=/etc/ca.pem",
    ],
)
def test_an_address_of_a_store_is_a_secret(url: str) -> None:
    settings = load_settings({"cluster": url, "node": "a-1.example"})
    assert url not in repr(settings)
    assert settings.node_name == "a-1.example"


@pytest.mark.parametrize("name", ["", "a/b", "a b", "-a", "x" * 33])
def test_names_of_machines_are_short(name: str) -> None:
    with pytest.raises(SetupError, match="LAMELLA_NODE"):
        load_settings({"node": name})


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"people_node": "a"}, "it is NAME=ADDRESS"),
        ({"people_node": "=http://a"}, "it is NAME=ADDRESS"),
        ({"people_node": "a=ftp://a"}, "it is NAME=ADDRESS"),
        ({"people_node": "a=https://a"}, "--cluster .* and LAMELLA_NODE_TOKEN"),
        (
            {
                "people_node": "a=http://10.0.0.1:8050",
                "cluster": "redis://127.0.0.1",
                "node_token": NODE_TOKEN,
            },
            "would cross the network unencrypted",
        ),
    ],
)
def test_a_machine_with_people_that_others_could_read_is_refused(
    given: dict[str, str], reason: str
) -> None:
    with pytest.raises(SetupError, match=reason):
        load_settings(given)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("dask.example:8786", "it is an address"),
        ("tls://dask.example", "it is an address"),
        ("ws://127.0.0.1:8786", "it is an address"),
        ("tls://dask.example:8786/x", "it is an address"),
        ("tcp://10.0.0.5:8786", "it has to be reached by tls://"),
        ("tcp://dask.example:8786", "it has to be reached by tls://"),
        ("tcp://0.0.0.0:8786", "it has to be reached by tls://"),
    ],
)
def test_a_scheduler_that_others_could_reach_is_refused(url: str, reason: str) -> None:
    with pytest.raises(SetupError, match="LAMELLA_DASK") as caught:
        load_settings({"dask": url})
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "url", ["tls://dask.example:8786", "tcp://127.0.0.1:8786", "tcp://[::1]:8786"]
)
def test_a_scheduler_has_tls_or_is_on_this_machine(url: str) -> None:
    assert load_settings({"dask": url}).dask == url


def test_a_scheduler_needs_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.cluster_settings.find_spec", lambda _: None)
    with pytest.raises(SetupError, match=r"install lamella\[dask\]"):
        load_settings({"dask": "tls://dask.example:8786"})
