"""What is to be done for the store of a job: begin it, resume it, extend it, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from dipcli.bucket import is_address
from dipcli.errors import DipError, OutputExists
from dipcli.fitting import tasks
from dipcli.fitting.code import refuse_unnamed_code
from dipcli.fitting.hardware import Hardware
from dipcli.fitting.job import Job
from dipcli.fitting.run import RunJob
from dipcli.fitting.settings import Settings, flag
from dipcli.nets.architecture import AUTO
from dipcli.store import (
    Remote,
    Store,
    delete_store,
    is_packed,
    is_root,
    open_store,
    pixels_digest,
    recover_store,
)


@dataclass(frozen=True)
class Plan:
    """A store that is held open for writing, and the runs that it lacks.

    What the job's settings left open is as the store records it.
    """

    job: Job
    store: Store
    missing: tuple[int, ...]
    whole: str = ""  # of a tile: the store of the picture

    def runs(self, parallel: int) -> list[RunJob]:
        """The runs to do, with `parallel` of them at once on this machine; 0: on another one."""
        job = self.job
        return [
            RunJob(
                job.folder,
                k,
                job.settings,
                job.cost.flops,
                self._hardware(k, parallel) if parallel else None,
                job.start_of(k),
                job.store if is_address(job.store) else "",
                f"{self.whole}/run-{k}" if self.whole else "",
            )
            for k in self.missing
        ]

    def _hardware(self, k: int, parallel: int) -> Hardware:
        attrs = {run.number: run.attrs for run in self.store.runs}.get(k, {})
        return Hardware.settle(self.job.settings, self.job.cost.flops, parallel, attrs)


def plan(job: Job, *, force: bool) -> Plan:
    """Open or make the store of a job; `force` replaces a store that holds another fit."""
    path = Path(job.folder)
    if is_address(job.store):
        return _plan_at_address(job, path, force=force)
    recover_store(path)
    zipped = job.store.endswith(".zip") and Path(job.store).exists()
    if zipped and not force and is_root(path):
        _delete_packed(path, Path(job.store))
    if force or not (zipped or path.exists()):
        store = _created(job, path, force=force)
    else:
        store = open_store(job.store) if zipped else Store.edit(path)
    with ExitStack() as undo:
        undo.callback(store.close)
        found = _resume(job, store)
        if zipped and found.missing and not force:
            name = Path(job.store)
            msg = f"{name} lacks runs or iterations, and a zip is read only; -f overwrites it"
            raise OutputExists(msg)
        undo.pop_all()
    return found


def _plan_at_address(job: Job, path: Path, *, force: bool) -> Plan:
    """The same for a store that is written here, and whose changes are repeated at its address."""
    with ExitStack() as undo:
        remote = Remote(job.store, path)
        undo.callback(remote.close)
        exists = remote.open(force=force)
        with ExitStack() as closing:
            store = Store.edit(path) if exists else _created(job, path, force=False)
            closing.callback(store.close)
            found = _resume(job, store)
            closing.pop_all()
        undo.pop_all()
    store.publish(remote, new=not exists)
    return found


def _created(job: Job, path: Path, *, force: bool) -> Store:
    return Store.create(
        path,
        job.image,
        name=job.name,
        task=job.settings.task,
        clean=job.clean,
        flash=job.flash,
        model=job.task.forward_model,
        attrs=job.record(),
        force=force,
    )


def _delete_packed(folder: Path, name: Path) -> None:
    """Delete the folder from which a zip was packed, which a killed process left."""
    with name.open("rb") as file:
        if not is_packed(folder, file):
            msg = f"{name} and {folder} hold different fits: rename one, or -f overwrites both"
            raise OutputExists(msg)
    delete_store(folder)


def _resume(job: Job, store: Store) -> Plan:
    """The runs that a store lacks; a difference that would change the bits is refused."""
    path = job.label
    other = store.attrs["image"]
    for key, image, what in (
        ("sha256", job.image, f"the fit of other pixels ({other})"),
        ("flash_sha256", job.flash, "a fit from another flash image"),
    ):
        if image and store.attrs.get(key) != pixels_digest(image.pixels):
            msg = f"{path} holds {what}: use another -o to keep both, or -f to overwrite"
            raise DipError(msg)
    runs = {run.number: run.attrs for run in store.runs}
    if runs:
        first = next(iter(runs.values()))
        config, asked = first["config"], job.settings.config()
        same = {name: text for name, text in asked.items() if config.get(name) == text}
        refuse_unnamed_code(path, config, same)
        recorded = Settings(like=config)
        job = replace(job, settings=_adopt(job.settings, job.requested, recorded))
        if different := _differences(job.settings, recorded, first):
            msg = (
                f"{path} used {'; '.join(different)}: use the same settings to resume, "
                "another -o to keep both, or -f to overwrite"
            )
            raise DipError(msg)
    missing = missing_runs(store, job.settings)
    if job.settings.side and any(runs[k]["status"] == "complete" for k in missing if k in runs):
        msg = f"{path} is a complete fit in tiles, which cannot go on: -f begins anew"
        raise DipError(msg)
    return Plan(job, store, missing)


def missing_runs(store: Store, settings: Settings) -> tuple[int, ...]:
    """The numbers of the runs that are not there yet, or not complete."""
    done = {
        run.number
        for run in store.runs
        if (attrs := run.attrs)["status"] == "complete"
        and attrs["config"]["iterations"] >= settings.iterations
    }
    return tuple(k for k in range(settings.runs) if k not in done)


def _adopt(settings: Settings, requested: Settings, recorded: Settings) -> Settings:
    """The settings, with what was left open now as it was then."""
    changes: dict[str, Any] = {}
    if requested.task == tasks.AUTO:
        changes["task"] = recorded.task
    if not requested.save_every and not requested.save_at:
        changes |= {"save_every": recorded.save_every, "save_at": recorded.save_at}
    if requested.tile == AUTO:
        changes["tile"] = recorded.tile
    for name in ("noise", "stop"):
        if getattr(requested, name) == AUTO:
            changes[name] = getattr(recorded, name)
    if 0 in requested.stride_z:
        changes["stride_z"] = recorded.stride_z
    if requested.lipschitz == AUTO:
        changes["lipschitz"] = recorded.lipschitz
    if settings.optimizer == recorded.optimizer and settings.sampling():
        open_now = [name for name in ("burn_in", "sample_every") if not getattr(requested, name)]
        changes |= {name: getattr(recorded, name) for name in open_now}
    return replace(settings, **changes)


def _differences(settings: Settings, recorded: Settings, attrs: Mapping[str, Any]) -> list[str]:
    """What would give other bits: `--lr 0.005, not 0.1`."""
    found = []
    for f in fields(Settings):
        now, then = getattr(settings, f.name), getattr(recorded, f.name)
        if f.name in ("threads", "precision", "device"):
            if now == "auto":
                continue
            then = str(attrs.get(f.name))
            if f.name == "device" and now == "cuda" and then.startswith("cuda"):
                continue
        if f.name == "iterations" and now > then:
            continue  # an extension
        if f.name == "task" and tasks.parse(now).compared == tasks.parse(then).compared:
            continue
        if f.metadata["bits"] and now != then:
            found.append(f"{flag(f.name)} {_word(then)}, not {_word(now)}")
    known = {name: code["sha256"] for name, code in attrs.get("plugins", {}).items()}
    for name, code in settings.sources().items():
        if known.get(name, code["sha256"]) != code["sha256"]:
            found.append(f"another version of {code['file']} for {flag(name)}")
    return found


def _word(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
