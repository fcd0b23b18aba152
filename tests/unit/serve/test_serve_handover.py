"""Handing over: the exact words that another server is started with, and what is said when it cannot be."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tunewright.cli.main import main
from tunewright.core.errors import MissingExtra, PlanError, RunError
from tunewright.core.run import Run
from tunewright.serve.handover import Shipped, llama_cpp, vllm
from tunewright.verbs.hand_over import hand_over, shipped
from tunewright.verbs.serve import Serving

ADAPTER = Shipped("g", "/models/base", adapter="/g/adapter", lora_r=20, template="/g/t.jinja", context_tokens=512)


@pytest.fixture(scope="module")
def run(talking_run: Run) -> Run:
    return talking_run


def test_vllm_serves_an_adapter_beside_its_base_with_the_template_of_the_training() -> None:
    found = vllm(ADAPTER, host="127.0.0.1", port=8000, token=None)

    assert found.command == (
        *("vllm", "serve", "/models/base", "--served-model-name", "base"),
        *("--enable-lora", "--lora-modules", "tuned=/g/adapter", "--max-lora-rank", "32"),
        *("--chat-template", "/g/t.jinja", "--max-model-len", "512", "--host", "127.0.0.1", "--port", "8000"),
    )
    assert found.environment == {}


def test_vllm_serves_a_whole_model_alone_and_takes_the_token_as_a_variable() -> None:
    found = vllm(Shipped("g", "/b", model="/g/model", context_tokens=99), host="0.0.0.0", port=1, token="secret")

    assert found.command == (
        *("vllm", "serve", "/g/model", "--served-model-name", "tuned", "--max-model-len", "99"),
        *("--host", "0.0.0.0", "--port", "1"),
    )
    assert found.environment == {"VLLM_API_KEY": "secret"}


def test_llama_cpp_serves_the_gguf_file() -> None:
    one = Shipped("g", "/b", gguf="/g/model.gguf", template="/g/t.jinja", context_tokens=512)
    found = llama_cpp(one, host="127.0.0.1", port=8000, token="secret")

    assert found.command == (
        *("llama-server", "--model", "/g/model.gguf", "--alias", "tuned", "--jinja"),
        *("--chat-template-file", "/g/t.jinja", "--ctx-size", "512", "--host", "127.0.0.1", "--port", "8000"),
    )
    assert found.environment == {"LLAMA_API_KEY": "secret"}


def test_model_that_is_not_there_in_the_servers_form_names_the_export() -> None:
    with pytest.raises(RunError, match=r"tunewright export g export.targets=\[gguf-q8_0\]"):
        llama_cpp(ADAPTER, host="h", port=1, token=None)
    with pytest.raises(RunError, match=r"export.targets=\[merged\]"):
        vllm(Shipped("g", "/b", gguf="/g/model.gguf"), host="h", port=1, token=None)


def test_run_tells_what_it_has_on_the_disk(run: Run, tmp_path: Path) -> None:
    found = shipped(run)
    adapter = run.stage("train") / "adapter"
    assert (found.adapter, found.lora_r, found.context_tokens) == (str(adapter), 4, 512)
    assert found.template == str(adapter / "chat_template.jinja")
    assert (found.model, found.gguf) == ("", "")

    other = Run(shutil.copytree(run.folder, tmp_path / "g"))
    config = other.stage("train") / "adapter/adapter_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "use_dora": True}), encoding="utf-8")
    for name in ("merged", "gguf-f16", "gguf-q8_0"):
        (other.stage("export") / name).mkdir(parents=True)
        (other.stage("export") / name / "model.gguf").touch()
    found = shipped(other)
    assert found.adapter == ""  # no other server adds such an adapter
    assert found.model == str(other.stage("export") / "merged")
    assert found.gguf == str(other.stage("export") / "gguf-q8_0/model.gguf")


def test_engine_that_is_not_installed_says_how_it_is_had(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    words = ["serve", str(run.folder), "--engine"]

    assert main([*words, "vllm"]) == MissingExtra.exit_code == 8
    assert capsys.readouterr().err.endswith("try: pip install vllm\n")
    assert main([*words, "llama.cpp"]) == 8
    assert "llama-server" in capsys.readouterr().err
    assert main([*words, "nosuch"]) == PlanError.exit_code
    assert "tunewright or vllm or llama.cpp" in capsys.readouterr().err


def test_engine_that_is_installed_is_started_with_the_command(run: Run, tmp_path: Path) -> None:
    """A script in its place writes what it was started with."""
    script = tmp_path / "vllm"
    script.write_text('#!/bin/sh\necho "$VLLM_API_KEY"\nprintf "%s\\n" "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    path = f"{tmp_path}:{Path(sys.executable).parent}:/usr/bin:/bin"
    command = ["tunewright", "serve", str(run.folder), "--engine", "vllm", "--quiet"]
    done = subprocess.run(
        command,
        env={"PATH": path, "TUNEWRIGHT_TOKEN": "secret"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    expected = vllm(shipped(run), host="127.0.0.1", port=8000, token="secret")
    assert done.stdout.splitlines() == ["secret", *expected.command[1:]]


@pytest.mark.parametrize(("engine", "program"), [("vllm", "vllm"), ("llama.cpp", "llama-server")])
def test_engine_refuses_what_it_does_not_have(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, program: str
) -> None:
    (tmp_path / program).write_text("", encoding="utf-8")
    (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for serving, said in (
        (Serving(has_page=True), "has no --chat"),
        (Serving(logs_prompts=True), "has no --log-prompts"),
        (Serving(host="0.0.0.0"), "a token is needed"),
    ):
        with pytest.raises(PlanError, match=said):
            hand_over(run, serving, engine=engine)  # type: ignore[arg-type]
