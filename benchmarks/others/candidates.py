"""The servers: how each is started, asked and understood. One entry for each row of the table."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

from critech.bundle import Bundle
from critech.text import detect_language
from critech_labels.export import SKOS_BASE
from others.environments import ANNIF, CRITECH, INFINITY, MLSERVER, PLAIN, Environment
from others.models import TAXONOMY, Models

APPS = Path(__file__).with_name("apps")
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
Answer = Mapping[str, Any]


@dataclass(frozen=True)
class Launch:
    """A command line, its environment, its working folder. ``{port}`` stands for the port."""

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None


@dataclass(frozen=True)
class Candidate:
    """A server. ``does`` says what an answer holds; ``best`` reads the best label of the 20
    critical technologies from an answer to a text, so that all can be held against critech."""

    name: str
    does: str
    environment: Environment
    launch: Callable[[Path, Models], Launch]
    path: str
    body: Callable[[str], str]
    best: Callable[[Answer, str, Bundle], str]
    kind: str = JSON


def _critech(programs: Path, _: Models) -> Launch:
    return Launch([str(programs / "critech"), "serve", "--port", "{port}"])


def _critech_best(answer: Answer, _: str, __: Bundle) -> str:
    groups = {group["id"]: group["labels"] for group in answer["results"][0]["taxonomies"]}
    return f"{TAXONOMY}:{groups[TAXONOMY][0]['code']}"


def _infinity(engine: str) -> Callable[[Path, Models], Launch]:
    def launch(programs: Path, models: Models) -> Launch:
        folder = models.encoder() if engine == "torch" else models.onnx_encoder(programs)
        command = [str(programs / "infinity_emb"), "v2", "--host", "127.0.0.1", "--port", "{port}"]
        # inside of the folder: by any other path its ONNX engine does not find the file
        command += ["--model-id", ".", "--served-model-name", "encoder"]
        command += ["--engine", engine, "--device", "cpu"]
        return Launch(command, {"DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"}, folder)

    return launch


def _infinity_body(text: str) -> str:
    return json.dumps({"model": "encoder", "input": [f"query: {text}"]})


def _infinity_best(answer: Answer, text: str, bundle: Bundle) -> str:
    """Return the best label by the dense part of the heads: the server gives no tokens."""
    vector = np.asarray(answer["data"][0]["embedding"], dtype=np.float32)
    margins = bundle.heads.margins(vector, ())
    return _best_of(bundle, bundle.calibration.logits(margins, detect_language(text)))


def _mlserver(programs: Path, models: Models) -> Launch:
    folder = models.folder / "mlserver"
    folder.mkdir(exist_ok=True)
    shutil.copy(APPS / "mlserver_runtime.py", folder)
    settings = {"name": "critech", "implementation": "mlserver_runtime.HeadsRuntime"}
    (folder / "model-settings.json").write_text(json.dumps(settings))
    environment = {
        "MLSERVER_HOST": "127.0.0.1",
        "MLSERVER_HTTP_PORT": "{port}",
        "MLSERVER_GRPC_PORT": "{port2}",
        "MLSERVER_METRICS_PORT": "{port3}",
        "MLSERVER_PARALLEL_WORKERS": str(len(os.sched_getaffinity(0))),
    }
    return Launch([str(programs / "mlserver"), "start", str(folder)], environment, folder)


def _mlserver_body(text: str) -> str:
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [text]}
    return json.dumps({"inputs": [tensor]})


def _mlserver_best(answer: Answer, _: str, bundle: Bundle) -> str:
    return _best_of(bundle, np.asarray(answer["outputs"][0]["data"]))


def _annif(programs: Path, models: Models) -> Launch:
    folder, environment = models.annif(programs)
    command = [str(programs / "uvicorn"), "--factory", "annif:create_app", "--port", "{port}"]
    command += ["--workers", str(len(os.sched_getaffinity(0))), "--no-access-log"]
    return Launch(command, environment, folder)


def _annif_body(text: str) -> str:
    return urlencode({"text": text, "limit": 5})


def _annif_best(answer: Answer, _: str, __: Bundle) -> str:
    found = answer["results"]
    return str(found[0]["uri"]).removeprefix(SKOS_BASE) if found else "none"


def _plain(programs: Path, models: Models) -> Launch:
    command = [str(programs / "uvicorn"), "plain_app:app", "--port", "{port}", "--no-access-log"]
    environment = {"ENCODER_FOLDER": str(models.encoder()), "HF_HUB_OFFLINE": "1"}
    return Launch(command, environment, APPS)


def _plain_best(answer: Answer, _: str, __: Bundle) -> str:
    return str(answer["results"][0][TAXONOMY][0]["label"])


def _best_of(bundle: Bundle, values: Any) -> str:
    labels = [i for i, label in enumerate(bundle.labels) if label.startswith(f"{TAXONOMY}:")]
    return bundle.labels[max(labels, key=lambda i: float(values[i]))]


def _text_body(text: str) -> str:
    return json.dumps({"texts": [text]})


def _documents_body(text: str) -> str:
    return json.dumps({"documents": [{"text": text}]})


ALL_LISTS = "labels of 4 lists"
VECTORS = "a vector, no labels"
ONE_LIST = "labels of 1 list, English model"
CANDIDATES = (
    Candidate("critech", ALL_LISTS, CRITECH, _critech, "/v1/classify", _documents_body,
              _critech_best),
    Candidate("MLServer, ONNX Runtime and the same heads", ALL_LISTS, MLSERVER, _mlserver,
              "/v2/models/critech/infer", _mlserver_body, _mlserver_best),
    Candidate("sentence-transformers behind FastAPI, same heads", ALL_LISTS, PLAIN, _plain,
              "/classify", _text_body, _plain_best),
    Candidate("infinity-emb, torch", VECTORS, INFINITY, _infinity("torch"), "/embeddings",
              _infinity_body, _infinity_best),
    Candidate("infinity-emb, ONNX int8", VECTORS, INFINITY, _infinity("optimum"), "/embeddings",
              _infinity_body, _infinity_best),
    Candidate("Annif, TF-IDF", ONE_LIST, ANNIF, _annif, "/v1/projects/tfidf/suggest",
              _annif_body, _annif_best, FORM),
    Candidate("Annif, ensemble of TF-IDF and MLLM", ONE_LIST, ANNIF, _annif,
              "/v1/projects/ensemble/suggest", _annif_body, _annif_best, FORM),
)  # fmt: skip
