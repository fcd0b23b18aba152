"""The other forms by the verb, from a run: what they hold runs where tunewright cannot be imported."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from huggingface_hub import constants

from tests.pipeline.data import write_labelled, write_pairs
from tests.pipeline.test_export import LORA, NO_PRICE, in_plain_python
from tunewright.cli.main import main
from tunewright.core.planfile import plan_from
from tunewright.pipeline import run_plan

FORMS = "onnx,onnx-int8,repo"


@pytest.fixture(scope="module")
def encoder_run(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    folder = tmp_path_factory.mktemp("encoder")
    base = folder / "base"
    base.mkdir()
    for path in tiny_encoder.iterdir():
        (base / path.name).write_bytes(path.read_bytes())
    (base / "LICENSE.txt").write_text("Do good.\n")
    write_labelled(folder / "rows.csv")
    plan = {"model": str(base), "data": "rows.csv", "train": LORA, **NO_PRICE}
    run = run_plan(plan_from(plan, folder=folder, name="rows"), runs_dir=folder / "runs").run.folder
    assert main(["export", str(run), f"export.targets=[{FORMS}]", "--quiet"]) == 0
    return run


def test_every_form_says_what_it_costs_and_who_has_read_it(encoder_run: Path) -> None:
    found = json.loads((encoder_run / "export/export.json").read_text())["targets"]
    assert list(found) == FORMS.split(",")
    for name, target in found.items():
        assert target["is_proven"]
        assert target["read_by"].startswith("onnxruntime" if "onnx" in name else "plain transformers")
        assert target["metric"]["name"] == "accuracy"
        assert "the proven model (95 % interval" in target["metric"]["words"]
        assert json.loads((encoder_run / "export" / name / "parity.json").read_text()) == target
    assert not (encoder_run / "export/.whole").exists()


def test_a_graph_answers_as_measured_without_torch(encoder_run: Path) -> None:
    predictions = pq.read_table(encoder_run / "evaluate/predictions.parquet").to_pylist()
    rows = [row for row in predictions if row["system"] == "tuned"]
    script = encoder_run / "export/onnx/predict.py"
    assert len(script.read_text().splitlines()) <= 22
    blocked = "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
    run = f"{blocked}import runpy; runpy.run_path({str(script)!r}, run_name='__main__')"
    lines = in_plain_python(run, *(row["text"] for row in rows)).splitlines()
    assert [line.split("\t")[0] for line in lines] == [row["answer"] for row in rows]
    needed = (encoder_run / "export/onnx/requirements.txt").read_text().split()
    assert [line.split("==")[0] for line in needed] == ["onnxruntime", "tokenizers", "numpy"]


def test_a_repository_holds_card_licence_and_numbers(encoder_run: Path) -> None:
    repo = encoder_run / "export/repo"
    assert (repo / "LICENSE.txt").read_text() == "Do good.\n"
    _, front, text = (repo / "README.md").read_text().split("---\n", 2)
    facts = yaml.safe_load(front)
    metrics = {one["name"]: one["value"] for one in facts["model-index"][0]["results"][0]["metrics"]}
    measured = json.loads((encoder_run / "evaluate/metrics.json").read_text())["systems"]["tuned"]
    assert metrics["accuracy"] == pytest.approx(measured["accuracy"]["value"], abs=1e-6)
    assert facts["library_name"] == "transformers"
    assert "train/" not in text
    assert "python ./predict.py" in text
    assert "Compared with the proven model" in text


class _Hub(BaseHTTPRequestHandler):
    """As much of the Hub as an upload of small files asks for."""

    def log_message(self, *_: object) -> None: ...

    def _say(self, body: object, status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        hub: Any = self.server
        hub.asked.append((self.path, self.headers.get("Authorization"), body))
        if self.headers.get("Authorization") != "Bearer hf_right":
            return self._say({"error": "Invalid username or password."}, 401)
        if self.path == "/api/repos/create":
            return self._say({"url": f"http://{self.headers['Host']}/me/rows"})
        if self.path == "/api/validate-yaml":
            return self._say({"errors": [], "warnings": []})
        if self.path.endswith("/preupload/main"):
            files = json.loads(body)["files"]
            return self._say(
                {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]}
            )
        if "/commit/main" in self.path:
            url = f"http://{self.headers['Host']}/me/rows/commit/abc"
            return self._say({"commitUrl": url, "commitOid": "abc", "success": True})
        return self._say({}, 404)

    def do_GET(self) -> None:
        self._say({"error": "not found"}, 404)


def test_a_repository_is_pushed_by_token_and_never_without(
    encoder_run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", str(encoder_run), f"export.targets=[{FORMS}]", "--push", "me/rows"]
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    asked: list[tuple[str, str, bytes]] = []
    server.asked = asked  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, daemon=True).start()
    hub = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "nobody-is-logged-in"))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    try:
        assert main(words) == 7
        assert "there is no token of the Hub" in capsys.readouterr().err
        assert not asked, "something was sent without a token"
        monkeypatch.setenv("HF_TOKEN", "hf_wrong")
        assert main(words) == 7
        assert "only the push is left to do" in capsys.readouterr().err
        monkeypatch.setenv("HF_TOKEN", "hf_right")
        assert main(words) == 0
        assert f"pushed  {hub}/me/rows (private)" in capsys.readouterr().out
    finally:
        server.shutdown()
    sent = [(path, body) for path, token, body in asked if token == "Bearer hf_right"]
    assert json.loads(next(body for path, body in sent if path == "/api/repos/create"))["visibility"] == "private"
    commit = next(body for path, body in sent if "/commit/main" in path)
    files = {json.loads(line)["value"].get("path") for line in commit.splitlines() if line}
    assert {"README.md", "LICENSE.txt", "model.safetensors", "head.safetensors", "predict.py"} <= files


def test_what_this_model_cannot_be_is_refused_with_what_it_can(
    encoder_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (encoder_run / "export/export.json").read_text()
    assert main(["export", str(encoder_run), "export.targets=[gguf-f16]", "--quiet"]) == 2
    said = capsys.readouterr().err
    assert "there is no gguf-f16 to export" in said
    assert "export.targets=[adapter,merged,onnx,onnx-int8,repo]" in said
    kept = [path for path in encoder_run.glob("export*/export.json") if path.read_text() == before]
    assert kept, "what was exported before is lost"


def test_a_chat_model_becomes_one_file_with_its_modelfile(tmp_path: Path, tiny_decoder: Path) -> None:
    write_pairs(tmp_path / "pairs.jsonl")
    plan = {
        "model": str(tiny_decoder),
        "data": "pairs.jsonl",
        "train": {**LORA, "epochs": 1},
        "evaluate": {"systems": ["tuned"], "max_new_tokens": 4, "limit": 2},
        "export": {"targets": ["merged", "gguf-f16", "gguf-q8_0"]},
        **NO_PRICE,
    }
    run = run_plan(plan_from(plan, folder=tmp_path, name="pairs"), runs_dir=tmp_path / "runs").run.folder
    found = json.loads((run / "export/export.json").read_text())["targets"]
    for name in ("gguf-f16", "gguf-q8_0"):
        assert found[name]["kl_nats"]["mean"] < 0.01
        assert found[name]["metric"]["name"] == "bits_per_byte"
        assert (run / "export" / name / "Modelfile").read_text().startswith("FROM ./model.gguf\n")
        assert found[name]["is_proven"] == found[name]["read_by"].startswith("llama.cpp")
    assert found["gguf-q8_0"]["size_bytes"] < found["gguf-f16"]["size_bytes"] < found["merged"]["size_bytes"]
    script = run / "export/merged/predict.py"
    said = in_plain_python(f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')", "hello")
    assert said.endswith("\n")
