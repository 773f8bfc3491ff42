"""The compose file: hardened, closed, ordered, and one with images, settings, monitoring and guide."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from api.provision.secrets import GROUPS, PROMETHEUS_TOKEN, make_secrets
from shared.settings import SECRETS_DIR, Settings
from tests.containers.engine import STAND_INS
from tests.unit.stack.files import OURS, ROOT, command, compose, default, last_stage, mounts, read, services

SERVERS = set(services()) - OURS
ONE_SHOTS = {"secrets", "migrate"}
RUNS = "/var/lib/epochd/runs"
PUBLISHED = {"api": 8642, "prometheus": 9090, "grafana": 3000}


@pytest.mark.parametrize("name", services())
def test_a_service_can_do_no_more_than_it_must(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True and service["init"] is True
    assert service["cap_drop"] == ["ALL"] and "cap_add" not in service and "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"] and service["pids_limit"]
    assert service["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", services())
def test_a_service_is_not_root_and_its_image_is_pinned(name: str) -> None:
    service = services()[name]
    if name in SERVERS:
        assert int(service["user"].split(":")[0]) > 0
    tag = default(service["image"]).rpartition(":")[2]
    assert tag and tag != "latest" and "/" not in tag


@pytest.mark.parametrize("name", services())
def test_only_what_people_look_at_is_published_and_on_this_machine_alone(name: str) -> None:
    ports = [default(port) for port in services()[name].get("ports", ())]
    wanted = [f"127.0.0.1:{PUBLISHED[name]}:{PUBLISHED[name]}"] if name in PUBLISHED else []
    assert ports == wanted
    networks = set(services()[name].get("networks", ()))
    assert ("outside" in networks) == (name in PUBLISHED)
    assert networks or services()[name]["network_mode"] == "none"


def test_the_network_of_the_servers_leads_nowhere() -> None:
    assert compose()["networks"]["inside"] == {"internal": True}


@pytest.mark.parametrize("name", services())
def test_no_password_stands_in_an_environment_or_a_command(name: str) -> None:
    service = services()[name]
    for variable, value in service.get("environment", {}).items():
        if re.search(r"PASSWORD|TOKEN|SECRET|_URL", variable):
            assert variable.endswith("_FILE") and value.startswith(f"{SECRETS_DIR}/")
    assert not re.search(r"requirepass|--password|://[^ ]*:[^ ]*@", " ".join(command(service)))


def test_every_secret_that_is_read_is_made_for_the_group_that_reads_it(tmp_path: Path) -> None:
    make_secrets(tmp_path, dict.fromkeys(GROUPS, tmp_path.stat().st_gid))
    made = {path.name for path in tmp_path.iterdir()} | {PROMETHEUS_TOKEN}
    text = read("docker-compose.yml") + read("monitoring/prometheus/prometheus.yml")
    assert set(re.findall(rf"{SECRETS_DIR}/(\w+)", text)) <= made
    for name, group in GROUPS.items():
        assert services()[name]["group_add"] == [str(group)]
    assert services()["secrets"]["group_add"] == [str(group) for group in GROUPS.values()]
    assert services()["migrate"]["group_add"] == [str(GROUPS["prometheus"])]


@pytest.mark.parametrize("name", services())
def test_the_secrets_can_be_written_by_those_who_make_them_alone(name: str) -> None:
    writable = {mount.target for mount in mounts(services()[name]) if not mount.read_only}
    assert (str(SECRETS_DIR) in writable) == (name in ONE_SHOTS)
    assert str(SECRETS_DIR) in {mount.target for mount in mounts(services()[name])}


@pytest.mark.parametrize("name", sorted(OURS))
def test_its_settings_exist_and_its_folders_are_those_of_the_image(name: str) -> None:
    service = services()[name]
    dockerfile = service["build"]["dockerfile"]
    image = " ".join(argument for word, argument in last_stage(dockerfile) if word == "ENV")
    told = re.findall(r"EPOCHD_(\w+)=", image) + [
        key.removeprefix("EPOCHD_") for key in service.get("environment", {})
    ]
    assert {word.lower() for word in told} <= Settings.model_fields.keys()
    for mount in mounts(service):
        assert f"{mount.target}" in " ".join(
            argument for word, argument in last_stage(dockerfile) if word == "RUN"
        )
    if words := command(service):
        assert words[:2] == ["python", "-m"] and (ROOT / Path(*words[2].split("."))).is_dir()


def test_the_api_answers_to_the_name_by_which_prometheus_asks() -> None:
    hosts = services()["api"]["environment"]["EPOCHD_ALLOWED_HOSTS"]
    assert {"api", "localhost", "127.0.0.1"} <= set(json.loads(re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", hosts)))
    assert "api:8642" in read("monitoring/prometheus/prometheus.yml")


def test_the_database_lies_in_its_volume_whichever_major_an_image_has() -> None:
    """Each image has a folder of its own, and where that is no volume of ours `down` takes it away."""
    postgres = services()["postgres"]
    (volume,) = (mount for mount in mounts(postgres) if mount.source == "postgres")
    folder = Path(postgres["environment"]["PGDATA"])
    major = re.split(r"[.-]", default(postgres["image"]).rpartition(":")[2])[0]
    assert folder == Path(volume.target, major, "docker")
    assert f"PostgreSQL {major}" in read("docs/containers.md")


def test_a_stop_lasts_longer_than_a_checkpoint() -> None:
    for name in ("worker-cpu", "worker-gpu"):
        minutes = int(services()[name]["stop_grace_period"].removesuffix("m"))
        assert minutes * 60 >= 4 * Settings().cancel_grace_seconds


def test_a_worker_has_shared_memory_for_the_batches_of_its_loaders() -> None:
    (guide,) = re.findall(r"--shm-size (\S+)", read("docs/containers.md"))
    sizes = {default(services()[name]["shm_size"]) for name in ("worker-cpu", "worker-gpu")}
    assert sizes == {guide} == {"2g"}


def test_nobody_starts_before_what_it_needs() -> None:
    needs = {
        name: {other: how["condition"] for other, how in service.get("depends_on", {}).items()}
        for name, service in services().items()
    }
    ended, healthy = "service_completed_successfully", "service_healthy"
    assert needs["postgres"] == needs["redis"] == {"secrets": ended}
    assert needs["migrate"] == {"postgres": healthy}
    for name in ("api", "controller", "worker-cpu", "worker-gpu"):
        assert needs[name] == {"migrate": ended, "redis": healthy}
    assert needs["prometheus"] == {"api": healthy} and needs["grafana"] == {"prometheus": healthy}


def test_a_laptop_needs_one_profile_and_no_gpu() -> None:
    profiles = {name: service["profiles"] for name, service in services().items() if "profiles" in service}
    assert profiles == {"worker-cpu": ["cpu"], "worker-gpu": ["gpu"]}
    assert "deploy" not in services()["worker-cpu"]
    devices = services()["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices == [{"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}]
    assert services()["worker-gpu"]["build"]["args"]["TORCH"] == "cuda"
    assert services()["worker-cpu"]["build"]["args"]["TORCH"] == "cpu"


@pytest.mark.parametrize("name", services())
def test_what_is_mounted_is_there_or_a_named_volume(name: str) -> None:
    for mount in mounts(services()[name]):
        if mount.source.startswith("."):
            assert (ROOT / mount.source).is_dir() and mount.read_only
        else:
            assert mount.source in compose()["volumes"]


def test_the_dashboards_lie_where_grafana_is_told_to_look() -> None:
    targets = {mount.target for mount in mounts(services()["grafana"])}
    provisioning = ROOT / "monitoring/grafana/provisioning"
    told = "".join(path.read_text(encoding="utf-8") for path in provisioning.rglob("*.yml"))
    assert "http://prometheus:9090" in told
    assert "/etc/grafana/dashboards" in targets and "/etc/grafana/dashboards" in told
    home = services()["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (ROOT / "monitoring/grafana/dashboards" / Path(home).name).is_file()


def test_the_guide_names_every_variable_service_and_port() -> None:
    guide = read("docs/containers.md")
    assert {
        word for word in re.findall(r"\$\{(\w+)", read("docker-compose.yml")) if word not in guide
    } == set()
    assert [name for name in services() if f"`{name}`" not in guide] == []
    assert [port for port in PUBLISHED.values() if f"http://127.0.0.1:{port}" not in guide] == []


def test_the_guide_names_the_oldest_driver_for_the_pytorch_of_the_image() -> None:
    (version,) = re.findall(r"^ARG TORCH_VERSION=(.+)$", read("Dockerfile.gpu"), re.MULTILINE)
    told = " ".join(read("docs/containers.md").split())
    assert re.search(
        rf"PyTorch {re.escape(version)} with CUDA [\d.]+, which needs .* version \d+ or newer", told
    )


def test_the_runs_of_several_machines_lie_in_a_volume_of_their_own() -> None:
    """A volume whose options change is made anew; and an engine that fills one as root is refused by NFS."""
    (block,) = re.findall(r"^```yaml\n(.*?)^```", read("docs/containers.md"), re.MULTILINE | re.DOTALL)
    lan = yaml.safe_load(block)
    (name,) = lan["volumes"]
    assert name not in compose()["volumes"]
    assert lan["volumes"][name]["driver_opts"]["type"] == "nfs"
    assert {"nfsvers=4", "rw"} <= set(lan["volumes"][name]["driver_opts"]["o"].split(","))
    given = {service: mount for service, told in lan["services"].items() for mount in told.get("volumes", ())}
    wanted = {one for one, service in services().items() if RUNS in {m.target for m in mounts(service)}}
    assert given.keys() == wanted
    assert all(mount["source"] == name and mount["target"] == RUNS for mount in given.values())
    assert all(mount["volume"] == {"nocopy": True} for mount in given.values())


def test_the_worker_of_a_second_machine_is_mounted_as_one_of_the_first() -> None:
    (started,) = re.findall(r"^docker run (.*?)\n```", read("docs/containers.md"), re.MULTILINE | re.DOTALL)
    told = [mount.split(":") for mount in re.findall(r"-v (\S+)", started)]
    there = {mount.target: mount.read_only for mount in mounts(services()["worker-gpu"])}
    assert {target: mode == ["ro"] for _, target, *mode in told} == there


def test_the_secrets_of_a_second_machine_belong_to_the_user_of_the_image() -> None:
    installed = re.findall(r"^install (.*)$", read("docs/containers.md"), re.MULTILINE)
    folder, files = (line for line in installed if "/etc/epochd/secrets" in line)
    assert "-d -m 0700 -o 10001 -g 10001" in folder and "-m 0400 -o 10001 -g 10001" in files
    assert {"epochd_database_url", "epochd_broker_url"} <= set(files.split())


def test_the_guide_gives_a_folder_of_data_to_the_user_who_writes_there() -> None:
    (row,) = re.findall(r"^\| `STACK_DATA` .*$", read("docs/containers.md"), re.MULTILINE)
    assert "chown 10001:10001" in row and "`prepared/`" in row
    workloads = ROOT / "worker" / "workloads"
    preparing = {p.parent.name for p in workloads.glob("*/*.py") if '"prepared"' in p.read_text("utf-8")}
    assert preparing and [name for name in sorted(preparing) if f"`{name}`" not in row] == []


def test_every_server_but_grafana_can_be_stood_in_for() -> None:
    assert {path.name for path in STAND_INS.iterdir()} == SERVERS - {"grafana"}


def test_compose_itself_understands_the_file() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True).returncode != 0:
        pytest.skip("docker compose is not installed here")
    asked = [docker, "compose", "--profile", "cpu", "--profile", "gpu", "config", "--quiet"]
    told = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
    assert (told.returncode, told.stderr) == (0, "")
