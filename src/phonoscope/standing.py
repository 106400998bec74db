"""What a run's folder holds of the stages: what is there, what has to be done again, what is recorded."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from phonoscope.files import full_disk_named
from phonoscope.manifest import Manifest
from phonoscope.results import Run
from phonoscope.rundir import record, remove_stages
from phonoscope.stages import STAGES, listed, with_what_follows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from phonoscope.progress import Progress
    from phonoscope.rundir import Claim
    from phonoscope.settings import Settings


@dataclass(frozen=True)
class Standing:
    """How far a run is.

    Attributes
    ----------
    out
        Its folder.
    settings, jobs, progress, overwrite
        As they are given to `phonoscope.run`.
    claim
        What was found in the folder.
    about
        Of a model that is probed; None for a run that trains its own.
    """

    out: Path
    settings: Settings
    jobs: int
    progress: Progress
    claim: Claim
    overwrite: bool
    about: Mapping[str, str | int] | None = None

    @cached_property
    def files(self) -> Manifest:
        """The record of what the stages have written."""
        return Manifest(self.out)

    def finished(self) -> bool:
        """Tell whether all that a run leaves is there and recorded."""
        recorded = all(self.files.knows(stage) for stage in STAGES if stage != "recogniser" or self.about is None)
        return Run(self.out).finished and recorded and self.files.whole() and not self.without_panel()

    def say_what_is_kept(self) -> None:
        """Tell what an earlier run has left, and what of it has to be done again."""
        stale = self.claim.stale
        if not stale:
            self.progress.say(f"{self.out}: going on from what is there")
            return
        changed = ", ".join(self.claim.changed)
        kept = listed(stage for stage in STAGES if stage not in stale)
        self.progress.say(f"{self.out}: with another {changed}, {listed(stale)} are made again; {kept} are kept")

    @contextmanager
    def stage(self, *names: str, of: str = "") -> Iterator[None]:
        """Do a stage, or several at once: name a full disk, and record in the end what they have written."""
        with full_disk_named(self.out, listed(names)):
            # the record of what is written anew is no longer true
            self.files.drop([name for name in names if not (self.there(name) and self.files.whole([name]))])
            yield
            self.files.note(names, of)

    def there(self, stage: str) -> bool:
        """Tell whether the files of a stage that have fixed names are there."""
        return all((self.out / name).exists() for name in STAGES[stage].files if "*" not in name)

    def without_model(self) -> bool:
        """Tell whether a recogniser is to be trained, or its curve is lost, which only another training gives."""
        names = (
            ["model.safetensors"]
            if self.settings.recogniser.kind == "untrained"
            else ["model.safetensors", "training.csv"]
        )
        return self.about is None and not all((self.out / name).exists() for name in names)

    def without_panel(self) -> bool:
        """Tell whether any of the files is missing that a corpus is needed for."""
        if not self.claim.continued or self.without_model():
            return True
        if not self.files.whole(["recogniser", "activations", "panel"]):
            return True
        folder = self.out / "activations"
        if not all((self.out / name).exists() for name in ("panel.parquet", "panel.csv", "activations/layers.json")):
            return True
        return not all((folder / f"{layer}.npy").exists() for layer in Run(self.out).shapes)

    def renew(self, name: str) -> None:
        """Remove what depends on settings that have changed, and write down the new ones."""
        with full_disk_named(self.out, STAGES["corpus"].words):
            remove_stages(self.out, self.claim.stale, self.files)
            record(self.out, self.settings, name, self.jobs, self.about)

    def forget(self, stage: str) -> None:
        """Remove what a stage and those that follow have written."""
        remove_stages(self.out, with_what_follows([stage]), self.files)
