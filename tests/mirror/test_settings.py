"""Settings of the mirror: what is refused at the start, and that nothing secret is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from mirror.settings import MirrorSettings

SECRET = "s3cret"
CLIENT = {"WORKFLOW_CAMUNDA_CLIENT_ID": "mirror", "WORKFLOW_CAMUNDA_CLIENT_SECRET": SECRET}


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MirrorSettings.model_fields:
        monkeypatch.delenv(f"WORKFLOW_{name.upper()}", raising=False)


def given(monkeypatch: pytest.MonkeyPatch, **values: str) -> MirrorSettings:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return MirrorSettings()


def wrong(monkeypatch: pytest.MonkeyPatch, **values: str) -> str:
    with pytest.raises(ValidationError) as caught:
        given(monkeypatch, **values)
    return str(caught.value)


def test_the_local_engine_is_meant_until_another_is_named() -> None:
    values = MirrorSettings()
    assert (values.camunda_grpc, values.camunda_tls, values.camunda_rest) == ("127.0.0.1:26500", False, None)


def test_a_client_needs_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    told = wrong(monkeypatch, WORKFLOW_CAMUNDA_CLIENT_ID="mirror", WORKFLOW_MIRROR_TOKEN=SECRET)
    assert "WORKFLOW_CAMUNDA_CLIENT_SECRET" in told
    assert SECRET not in told


@pytest.mark.parametrize("name", ["TOKEN_URL", "REST"])
def test_neither_secret_nor_token_crosses_a_network_in_the_clear(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    setting = f"WORKFLOW_CAMUNDA_{name}"
    told = wrong(monkeypatch, **CLIENT, **{setting: "http://camunda.example.org/x"})
    assert setting in told
    assert SECRET not in told
    for fine in ("https://camunda.example.org/x", "http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]/x"):
        assert given(monkeypatch, **CLIENT, **{setting: fine})


def test_nobody_signs_in_without_a_client(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given(monkeypatch, WORKFLOW_CAMUNDA_REST="http://camunda.example.org/v2").camunda_client_id == ""


def test_an_authority_must_be_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    assert "camunda_ca" in wrong(monkeypatch, WORKFLOW_CAMUNDA_CA=str(file))
    file.write_text("no certificate")
    assert "no certificate in PEM" in wrong(monkeypatch, WORKFLOW_CAMUNDA_CA=str(file))


def test_the_token_is_given_or_stands_in_a_file_that_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "token"
    assert MirrorSettings.model_validate({"mirror_token": "given"}).token() == "given"
    values = MirrorSettings.model_validate({"mirror_token": "given", "mirror_token_file": file})
    for token in ("one", "two"):
        file.write_text(f" {token}\n")
        assert values.token() == token


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    values = given(monkeypatch, **CLIENT, WORKFLOW_MIRROR_TOKEN=SECRET)
    assert SECRET not in repr(values)
