"""What an operator starts has nothing that critech does not need: image, Compose, Helm, systemd.

The chart is linted, rendered and held against the schemas of Kubernetes by Helm's own library, in a
process of its own; both come with the dev extra.
"""

import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from critech import __version__
from critech_service.command import KEEP_ALIVE_SECONDS
from critech_service.flow.token_queue import MAX_REQUESTS
from critech_service.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "critech"
UID = 10001

needs_helm = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="no helm-python-sdk for it"
)

RENDER = """
import json, sys
import helm_python, kubernetes_validate, yaml

path, cases = sys.argv[1], json.load(sys.stdin)
with helm_python.Chart.load(path) as chart:
    rendered = {}
    for name, values in cases["render"].items():
        texts = chart.render(values, name="demo", namespace="office")
        parts = [yaml.safe_load(text) for file, text in texts.items() if file.endswith(".yaml")]
        rendered[name] = [part for part in parts if part]
        for part in rendered[name]:
            for version in ("1.25", "1.29", "1.33", kubernetes_validate.latest_version()):
                kubernetes_validate.validate(part, version, strict=True)
    refused = []
    for values in cases["refuse"]:
        try:
            chart.validate_schema(values)
        except helm_python.HelmError:
            refused.append(values)
lint = helm_python.lint(path, strict=True)
print(json.dumps({"lint": lint, "rendered": rendered, "refused": refused}))
"""

CASES: dict[str, dict[str, Any]] = {
    "default": {},
    "closed": {"networkPolicy": {"from": []}},
    "full": {
        "image": {"digest": "sha256:" + "a" * 64, "pullSecrets": ["registry"]},
        "autoscaling": {"enabled": False},
        "replicas": 3,
        "bundle": {"claim": "bundles", "folder": "2027-01/office"},
        "settings": {"extra": {"CRITECH_DOCS": "true"}},
        "serviceAccount": {"name": "made-elsewhere"},
        "resources": {
            "requests": {"cpu": "2", "memory": "1Gi"},
            "limits": {"cpu": "4", "memory": "2Gi"},
        },
        "networkPolicy": {"from": [{"podSelector": {"matchLabels": {"app": "intake"}}}]},
        "podLabels": {"team": "screening"},
        "podAnnotations": {"note": "x"},
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
        ],
        "priorityClassName": "high",
    },
}
REFUSED: list[dict[str, Any]] = [
    {"settings": {"extra": {"CRITECH_INSECURE_NO_KEYS": "true"}}},
    {"settings": {"extra": {"CRITECH_KEYS": "{}"}}},
    {"settings": {"extra": {"LD_PRELOAD": "/tmp/x.so"}}},
    {"settings": {"extra": {"CRITECH_RATE_LIMIT": 6000000}}},
    {"service": {"type": "LoadBalancer"}},
    {"image": {"tag": "latest"}},
    {"networkPolicy": {"from": [{}]}},
    {"networkPolicy": None},
    {"bundle": {"folder": "a/../../etc"}},
    {"resources": {"limits": None}},
    {"mispelt": 1},
]


# Helm


@pytest.fixture(scope="module")
def helm() -> dict[str, Any]:
    command = [sys.executable, "-c", RENDER, str(CHART)]
    cases = json.dumps({"render": CASES, "refuse": REFUSED})
    done = subprocess.run(command, input=cases, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def kind(helm: dict[str, Any], case: str, name: str) -> dict[str, Any]:
    (found,) = [part for part in helm["rendered"][case] if part["kind"] == name]
    return found  # type: ignore[no-any-return]


@needs_helm
def test_the_chart_lints(helm: dict[str, Any]) -> None:
    assert helm["lint"]["errors"] == []
    assert [found for found in helm["lint"]["messages"] if found["severity"] > 1] == []


@needs_helm
def test_values_that_would_open_it_are_refused(helm: dict[str, Any]) -> None:
    assert helm["refused"] == REFUSED


@needs_helm
@pytest.mark.parametrize("case", CASES)
def test_pods_are_restricted(helm: dict[str, Any], case: str) -> None:
    pod = kind(helm, case, "Deployment")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert not (pod["hostNetwork"] or pod["hostPID"] or pod["hostIPC"])
    expected = {"runAsNonRoot": True, "runAsUser": UID, "runAsGroup": UID, "fsGroup": UID}
    assert pod["securityContext"] == {**expected, "seccompProfile": {"type": "RuntimeDefault"}}
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"cpu", "memory"} <= container["resources"]["limits"].keys()
    assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
    assert container["command"] == ["/bin/sh", "-c", "ulimit -c 0 && exec critech serve"]
    assert "latest" not in container["image"]
    paths = {name: container[name]["httpGet"]["path"] for name in container if "Probe" in name}
    ready = {"startupProbe": "/readyz", "readinessProbe": "/readyz"}
    assert paths == {**ready, "livenessProbe": "/healthz"}


@needs_helm
@pytest.mark.parametrize("case", CASES)
def test_only_tmp_in_memory_can_be_written(helm: dict[str, Any], case: str) -> None:
    pod = kind(helm, case, "Deployment")["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    writable = [m for m in pod["containers"][0]["volumeMounts"] if not m.get("readOnly")]
    assert [mount["mountPath"] for mount in writable] == ["/tmp"]
    assert volumes[writable[0]["name"]]["emptyDir"]["medium"] == "Memory"
    assert not any("hostPath" in volume for volume in volumes.values())


@needs_helm
@pytest.mark.parametrize("case", CASES)
def test_pods_do_not_start_without_keys(helm: dict[str, Any], case: str) -> None:
    (container,) = kind(helm, case, "Deployment")["spec"]["template"]["spec"]["containers"]
    env = {variable["name"]: variable for variable in container["env"]}
    reference = {"secretKeyRef": {"name": "critech-keys", "key": "keys.json"}}
    assert env["CRITECH_KEYS"] == {"name": "CRITECH_KEYS", "valueFrom": reference}
    assert "CRITECH_INSECURE_NO_KEYS" not in env
    assert len(env) == len(container["env"])


@needs_helm
def test_nothing_goes_out_and_only_peers_come_in(helm: dict[str, Any]) -> None:
    for case in CASES:
        policy = kind(helm, case, "NetworkPolicy")["spec"]
        assert sorted(policy["policyTypes"]) == ["Egress", "Ingress"]
        assert policy["egress"] == []
        labels = kind(helm, case, "Deployment")["spec"]["template"]["metadata"]["labels"]
        assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    (rule,) = kind(helm, "default", "NetworkPolicy")["spec"]["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"critech/client": "true"}}}]
    assert rule["ports"] == [{"port": "http", "protocol": "TCP"}]
    assert kind(helm, "closed", "NetworkPolicy")["spec"]["ingress"] == []


@needs_helm
def test_the_account_has_no_token_and_no_rights(helm: dict[str, Any]) -> None:
    account = kind(helm, "default", "ServiceAccount")
    assert account["automountServiceAccountToken"] is False
    kinds = {part["kind"] for case in CASES for part in helm["rendered"][case]}
    assert not {kind for kind in kinds if "Role" in kind}
    assert "ServiceAccount" not in {part["kind"] for part in helm["rendered"]["full"]}


@needs_helm
def test_it_scales_and_survives_a_drain(helm: dict[str, Any]) -> None:
    scaler = kind(helm, "default", "HorizontalPodAutoscaler")["spec"]
    name = kind(helm, "default", "Deployment")["metadata"]["name"]
    assert (scaler["scaleTargetRef"]["name"], scaler["minReplicas"]) == (name, 2)
    assert "replicas" not in kind(helm, "default", "Deployment")["spec"]
    assert kind(helm, "full", "Deployment")["spec"]["replicas"] == 3
    budget = kind(helm, "default", "PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1
    selector = kind(helm, "default", "Deployment")["spec"]["selector"]
    assert budget["selector"] == selector
    assert kind(helm, "default", "Service")["spec"]["selector"] == selector["matchLabels"]


@needs_helm
def test_an_own_bundle_is_mounted_for_reading(helm: dict[str, Any]) -> None:
    (container,) = kind(helm, "full", "Deployment")["spec"]["template"]["spec"]["containers"]
    (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == "bundle"]
    assert mount["readOnly"] is True
    assert mount["subPath"] == "2027-01/office"
    assert {"name": "CRITECH_BUNDLE", "value": "/bundle"} in container["env"]
    assert container["image"] == "critech@sha256:" + "a" * 64


def test_versions_agree() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert chart["appVersion"] == __version__
    assert compose["services"]["critech"]["image"] == f"critech:{__version__}"


def test_every_value_is_in_the_schema() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert values.keys() == schema["properties"].keys() - {"global"}
    assert schema["additionalProperties"] is False


TASKS = MAX_REQUESTS + 256  # lanes, key checks, route handlers and the threads of libraries


# Compose


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())  # type: ignore[no-any-return]


def test_compose_takes_everything_away(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["ulimits"]["core"] == 0
        assert service["mem_limit"] == service["memswap_limit"]
        assert service["pids_limit"] > 0
        assert int(service["user"].partition(":")[0]) > 0
        (tmp,) = service["tmpfs"]
        assert tmp.startswith("/tmp:")
        assert {"noexec", "nosuid", "nodev"} <= set(tmp.partition(":")[2].split(","))
        assert not {"privileged", "cap_add", "network_mode", "pid", "ipc"} & service.keys()
        assert all(volume["read_only"] for volume in service["volumes"])
        assert ":latest" not in service["image"]


def test_every_request_that_may_wait_has_its_thread(compose: dict[str, Any]) -> None:
    assert compose["services"]["critech"]["pids_limit"] >= TASKS
    assert [int(n) for n in unit("critech.service")["TasksMax"]] >= [TASKS]


def test_only_the_proxy_is_reached_from_outside(compose: dict[str, Any]) -> None:
    critech, proxy = compose["services"]["critech"], compose["services"]["proxy"]
    assert critech["networks"] == ["inside"]
    assert compose["networks"]["inside"]["internal"] is True
    assert critech["dns"] == ["127.0.0.1"]
    assert "ports" not in critech
    assert proxy["ports"] == ["443:8443"]
    assert proxy["secrets"] == ["tls_cert", "tls_key"]


def test_compose_hands_over_the_folder_of_the_keys(compose: dict[str, Any]) -> None:
    critech = compose["services"]["critech"]
    (volume,) = critech["volumes"]
    assert critech["environment"]["CRITECH_KEYS_FILE"] == volume["target"] + "/keys.json"
    assert not Path(volume["source"]).suffix
    assert "CRITECH_INSECURE_NO_KEYS" not in critech["environment"]


def test_the_proxy_writes_no_body_to_disk() -> None:
    config = (DEPLOY / "nginx.conf").read_text()
    (largest,) = re.findall(r"^    client_max_body_size (\w+);", config, re.MULTILINE)
    assert re.findall(r"client_body_buffer_size (\w+);", config) == [largest]
    assert "proxy_max_temp_file_size 0;" in config
    assert "access_log off;" in config
    (stream,) = re.findall(r"location = /v1/classify/stream \{(.*?)\}", config, re.DOTALL)
    assert "proxy_request_buffering off;" in stream
    assert "proxy_buffering off;" in stream
    assert set(re.findall(r"ssl_protocols (.*);", config)) == {"TLSv1.2 TLSv1.3"}


@pytest.mark.parametrize("place", ["/", "= /v1/classify/stream"])
def test_the_proxy_waits_as_long_as_the_server(place: str) -> None:
    config = (DEPLOY / "nginx.conf").read_text()
    (location,) = re.findall(rf"location {place} \{{(.*?)\}}", config, re.DOTALL)
    names = ["proxy_read_timeout"] + ["client_body_timeout"] * (place != "/")
    for name in names:
        (seconds,) = re.findall(rf"{name} (\d+)s;", location)
        assert int(seconds) > Settings.model_fields["deadline_seconds"].default


def test_the_proxy_gives_up_idle_connections_first() -> None:
    config = (DEPLOY / "nginx.conf").read_text()
    (upstream,) = re.findall(r"upstream critech \{(.*?)\}", config, re.DOTALL)
    (seconds,) = re.findall(r"keepalive_timeout (\d+)s;", upstream)
    assert int(seconds) < KEEP_ALIVE_SECONDS


# systemd


def unit(name: str) -> dict[str, list[str]]:
    """Return the values of every setting of a unit, in order."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd" / name).read_text().splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


YES = (
    "DynamicUser", "NoNewPrivileges", "PrivateDevices", "PrivateIPC", "PrivateTmp", "PrivateUsers",
    "ProtectClock", "ProtectControlGroups", "ProtectHome", "ProtectHostname", "ProtectKernelLogs",
    "ProtectKernelModules", "ProtectKernelTunables", "RestrictNamespaces", "RestrictRealtime",
    "RestrictSUIDSGID", "LockPersonality", "MemoryDenyWriteExecute",
)  # fmt: skip


def test_the_unit_is_hardened() -> None:
    found = unit("critech.service")
    assert {name: found.get(name) for name in YES} == {name: ["yes"] for name in YES}
    assert found["ProtectSystem"] == ["strict"]
    assert found["CapabilityBoundingSet"] == [""]
    assert found["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]
    assert (found["LimitCORE"], found["MemorySwapMax"]) == (["0"], ["0"])
    assert "ReadWritePaths" not in found


def test_the_unit_has_no_way_out() -> None:
    found = unit("critech.service")
    assert (found["IPAddressDeny"], found["IPAddressAllow"]) == (["any"], ["localhost"])
    assert found["RestrictAddressFamilies"] == ["AF_INET AF_INET6 AF_UNIX"]
    assert (found["SocketBindDeny"], found["SocketBindAllow"]) == (["any"], ["tcp:8000"])
    environment = " ".join(found["Environment"])
    assert "CRITECH_HOST=127.0.0.1" in environment
    assert "CRITECH_PORT=8000" in environment


def test_new_keys_restart_the_unit() -> None:
    found = unit("critech.service")
    (credential,) = found["LoadCredential"]
    name, path = credential.split(":")
    assert f'CRITECH_KEYS="$$(cat "$$CREDENTIALS_DIRECTORY/{name}")"' in found["ExecStart"][0]
    assert unit("critech-keys.path")["PathChanged"] == [path]
    assert unit("critech-keys.path")["Unit"] == ["critech-keys.service"]
    assert unit("critech-keys.service")["ExecStart"] == [
        "/bin/systemctl try-restart critech.service"
    ]


def test_the_socket_needs_no_network() -> None:
    found = unit("unix-socket.conf")
    assert found["PrivateNetwork"] == ["yes"]
    assert found["RestrictAddressFamilies"] == ["", "AF_UNIX"]
    (folder,) = found["RuntimeDirectory"]
    assert f"CRITECH_UDS=/run/{folder}/" in found["Environment"][0]
    assert (found["RuntimeDirectoryMode"], found["SocketBindAllow"]) == (["0750"], [""])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
def test_systemd_finds_little_exposure() -> None:
    path = DEPLOY / "systemd" / "critech.service"
    command = ["systemd-analyze", "security", "--offline=yes", "--threshold=15", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# Docker


@pytest.fixture(scope="module")
def stages() -> Iterator[list[str]]:
    """The instructions of every stage of the Dockerfile, comments and line breaks taken out."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    yield re.split(r"^FROM ", text.replace("\\\n", " "), flags=re.MULTILINE)


def test_both_stages_use_one_pinned_base(stages: list[str]) -> None:
    (argument,) = re.findall(r"^ARG PYTHON_IMAGE=(.*)$", stages[0], re.MULTILINE)
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", argument)
    assert [stage.split()[0] for stage in stages[1:]] == ["${PYTHON_IMAGE}"] * 2


def test_the_last_stage_serves_and_nothing_else(stages: list[str]) -> None:
    last = stages[-1]
    assert re.findall(r"^USER (.*)$", last, re.MULTILINE) == [f"{UID}:{UID}"]
    assert not re.search(r"\b(apt-get|apk|curl|wget|git|make|gcc)\b|pip\S* install", last)
    assert re.findall(r"^COPY (.*)$", last, re.MULTILINE) == [
        "--from=build /opt/critech /opt/critech"
    ]
    assert "ORT_DISABLE_TELEMETRY=1" in last
    assert "CRITECH_KEYS_FILE" not in last
    assert "CRITECH_INSECURE_NO_KEYS" not in last


def test_the_health_check_is_python_that_runs(stages: list[str]) -> None:
    (command,) = re.findall(r"^HEALTHCHECK .* CMD (\[.*\])$", stages[-1], re.MULTILINE)
    program, *options, code = json.loads(command)
    assert (program, options) == ("python", ["-I", "-c"])
    compile(code, "HEALTHCHECK", "exec")
    assert "/readyz" in code


def test_the_image_installs_exact_versions_of_what_is_declared(stages: list[str]) -> None:
    assert "PIP_CONSTRAINT=/src/constraints.txt" in stages[1]
    lines = (DEPLOY / "constraints.txt").read_text().splitlines()
    pinned = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[\w.]+", line) for line in pinned)
    names = {re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower() for line in pinned}
    project = (ROOT / "pyproject.toml").read_text()
    required = re.findall(r"^dependencies = \[(.*?)\]", project, re.DOTALL | re.MULTILINE)
    required += re.findall(r"^service = \[(.*?)\]", project, re.DOTALL | re.MULTILINE)
    declared = re.findall(r'"([A-Za-z0-9_.-]+)', " ".join(required))
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in declared} <= names


def test_keys_and_filings_stay_out_of_the_build() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert not any(rule.startswith("!deploy") and "constraints" not in rule for rule in rules)
