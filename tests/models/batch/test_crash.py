"""A run that dies, at any point, is gone on from, and its output is that of an undisturbed one.

Deaths are injected at every step that changes the disk, as by ``kill -9`` and as by loss of power;
besides, real ones come by SIGKILL at random moments.
"""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from batch_stub import items, job, run
from dying_disk import Died, DyingDisk

from critech.batch.formats import FormatName, Layout

N_REAL_KILLS = 10
N_ITEMS = 54
FOREVER = 10**9
OUTPUTS: list[tuple[FormatName, Layout]] = [
    ("jsonl", "nested"),
    ("csv", "flat"),
    ("parquet", "nested"),
]


def undisturbed(folder: Path, name: FormatName, layout: Layout) -> tuple[dict[str, bytes], int]:
    folder.mkdir()
    disk = DyingDisk(FOREVER, random.Random(0))
    run(job(folder, name, layout), items(N_ITEMS), disk=disk)
    return outputs(folder), disk.steps


def outputs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def dies(folder: Path, name: FormatName, layout: Layout, disk: DyingDisk) -> bool:
    try:
        run(job(folder, name, layout), items(N_ITEMS), disk=disk)
    except Died:
        return True
    return False


@pytest.mark.parametrize("power", [False, True], ids=["kill", "power"])
def test_death_at_every_step(power: bool, tmp_path: Path) -> None:
    name, layout = OUTPUTS[0]
    expected, steps = undisturbed(tmp_path / "whole", name, layout)
    assert steps > 200
    for room in range(steps):
        folder = tmp_path / "parts"
        folder.mkdir()
        chance = random.Random(room)
        assert dies(folder, name, layout, DyingDisk(room, chance, power))
        assert not dies(folder, name, layout, DyingDisk(FOREVER, chance))
        assert outputs(folder) == expected, f"after a death at step {room}"
        shutil.rmtree(folder)


@pytest.mark.parametrize("power", [False, True], ids=["kill", "power"])
def test_death_while_a_quarantine_is_made_anew(power: bool, tmp_path: Path) -> None:
    name, layout = OUTPUTS[0]
    folder = tmp_path / "whole"
    expected, _ = undisturbed(folder, name, layout)
    quarantine = folder / f"out.{name}.quarantine.jsonl"
    for room in range(FOREVER):
        quarantine.unlink()
        chance = random.Random(room)
        died = dies(folder, name, layout, DyingDisk(room, chance, power))
        assert not dies(folder, name, layout, DyingDisk(FOREVER, chance))
        assert outputs(folder) == expected, f"after a death at step {room}"
        if not died:
            break
    assert room > 40


@pytest.mark.parametrize("power", [False, True], ids=["kill", "power"])
@pytest.mark.parametrize(("name", "layout"), OUTPUTS)
def test_death_after_death(name: FormatName, layout: Layout, power: bool, tmp_path: Path) -> None:
    expected, steps = undisturbed(tmp_path / "whole", name, layout)
    deaths = 0
    for seed in range(4):
        chance = random.Random(seed)
        folder = tmp_path / f"parts-{seed}"
        folder.mkdir()
        while dies(folder, name, layout, DyingDisk(chance.randrange(steps // 2), chance, power)):
            deaths += 1
        assert outputs(folder) == expected, f"seed {seed}"
    assert deaths > 4


def test_death_by_sigkill_at_random_moments(tmp_path: Path) -> None:
    """Some of the 200; ``python tests/models/batch/kill_loop.py FOLDER 200`` is all of them."""
    program = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("kill_loop.py"))]
    done = subprocess.run(
        [*program, str(tmp_path), str(N_REAL_KILLS)],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    kills, outputs_compared = done.stdout.split()
    assert int(kills) >= N_REAL_KILLS
    assert int(outputs_compared) >= 1
