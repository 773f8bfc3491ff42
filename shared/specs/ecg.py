"""The `ecg` workload's contract: classification of electrocardiograms, of whole records or of single beats.

Numbers and key names: seed 002_322570f9c92a5728; reference/systems.md part D.2.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from shared.specs.contract import Contract
from shared.specs.footprint import Footprint
from shared.specs.job import JobSpec
from shared.specs.parts import Part
from shared.specs.spelling import CLASS_NAME

RECORD_CLASSES = ("MI", "AF", "BBB", "NORM", "OTHER")
BEAT_CLASSES = ("N", "S", "V", "F", "Q")
"""Of the AAMI: normal, supraventricular ectopic, ventricular ectopic, fusion, unknown."""
UNMAPPED = "OTHER"
ANY_LEAD = "*"

Path = Annotated[str, StringConstraints(min_length=1, max_length=400)]
ClassName = Annotated[str, StringConstraints(pattern=CLASS_NAME)]
LeadName = Annotated[str, StringConstraints(min_length=1, max_length=30)]


class EcgData(Part):
    """A folder of records (WFDB, or MATLAB .mat), resampled, scaled lead by lead and cut to one length."""

    path: Path | None = None
    """Folder beneath the data root; a small generated set, good for a trial only, where not given."""
    mode: Literal["records", "beats"] = "records"
    """What a sample is: a record with a class out of `labels`, or a beat of an annotated record (.atr)."""
    labels: Path | None = "labels.csv"
    """CSV in the folder with the columns record_id and mapped_label or original_label_text, and patient_id if
    known. Null takes the text from the diagnoses in the headers. Beats take only patient_id from it; where it
    has none, each record counts as a person."""
    classes: Annotated[tuple[ClassName, ...], Field(min_length=2, max_length=100)] | None = None
    """Classes of records in the order of the outputs; MI, AF, BBB, NORM and OTHER where not given."""
    unmapped: Literal["other", "drop"] = "other"
    """Records whose text means none of the classes become OTHER, or are left out."""
    least_coverage: float = Field(0.8, ge=0, le=1)
    """The share of records that must be mapped; less fails the job with a report of what is not."""
    leads: Annotated[tuple[LeadName, ...], Field(min_length=1, max_length=64)] | None = None
    """Names of the leads to use, in order; `*` is the record's next lead that is not named. All where not
    given, which every record must then have in the same order."""
    sampling_rate: float = Field(500.0, ge=10, le=10_000)
    """Hz that every record is resampled to."""
    samples: int = Field(5000, ge=16, le=1_000_000)
    """Length of a sample: of a record its beginning, filled with zeros; of a beat as much before as after."""
    rhythm: bool = True
    """Whether the network sees, beside a beat, how the intervals before and after it compare with the medians
    of its record and of the beats around, later ones too. Records have no such features."""
    band_hz: tuple[float, float] | None = None
    """Keep only the frequencies between, by a filter without delay; all of them where not given."""
    mat_sampling_rate: float | None = Field(None, ge=10, le=100_000)
    """Hz of .mat files that do not say theirs and have no header."""
    unreadable: Literal["refuse", "leave_out"] = "refuse"
    """Whether a record that cannot be read fails the job, or is left out and told."""
    split: Literal["auto", "patients", "stratified", "de_chazal"] = "auto"
    """`auto`: whole patients where any is known, a record of nobody known counting as a patient, else each
    class in proportion; `patients`: whole patients, of records all known; `stratified`: each class in
    proportion, whoever trains and tests; `de_chazal`: beats of the MIT-BIH database, trained on its set DS1
    and tested on DS2."""
    val_share: float = Field(0.1, gt=0, lt=0.9)
    """Of all samples, or of DS1, for validation."""
    test_share: float = Field(0.1, gt=0, lt=0.9)
    """Of all samples for the test; `de_chazal` has DS2."""
    split_seed: int = Field(42, ge=0, lt=2**31)
    """Seed of the split into train, validation and test."""
    limit: int | None = Field(None, ge=10, le=100_000_000)
    """At most so many train samples, and a fifth of it to validate and to test, each class in proportion."""
    augment: float = Field(0.0, ge=0, le=1)
    """How much train samples are varied in amplitude, offset, noise and position; 0 is not at all."""

    @model_validator(mode="after")
    def _modes_fit(self) -> EcgData:
        if self.mode == "beats" and self.classes is not None:
            raise ValueError(f"classes belong to mode records; beats have {', '.join(BEAT_CLASSES)}")
        if self.mode == "beats" and self.split == "stratified":
            raise ValueError(
                "split stratified would put beats of one patient into several splits; "
                "use patients, or de_chazal for the MIT-BIH database"
            )
        if self.mode == "records" and self.split == "de_chazal":
            raise ValueError("split de_chazal divides beats; use mode beats, or split patients")
        return self

    @model_validator(mode="after")
    def _classes_differ(self) -> EcgData:
        names = self.class_names
        if len({name.casefold() for name in names}) < len(names):
            raise ValueError("classes must be different names, whatever their case")
        if self.mode == "records" and self.unmapped == "other" and UNMAPPED not in names:
            raise ValueError(f"unmapped other needs a class called {UNMAPPED}; add it, or use unmapped drop")
        return self

    @model_validator(mode="after")
    def _numbers_fit(self) -> EcgData:
        if self.val_share + self.test_share > 0.9:
            raise ValueError("val_share and test_share together must not exceed 0.9; the rest trains")
        named = [lead for lead in self.leads or () if lead != ANY_LEAD]
        if len({lead.casefold() for lead in named}) < len(named):
            raise ValueError("leads must be different names; only * may stand several times")
        if self.band_hz is not None:
            low, high = self.band_hz
            if not 0 < low < high < self.sampling_rate / 2:
                raise ValueError(
                    f"band_hz needs 0 < low < high < {self.sampling_rate / 2:g}, half the sampling_rate"
                )
        return self

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the outputs."""
        if self.mode == "beats":
            return BEAT_CLASSES
        return RECORD_CLASSES if self.classes is None else self.classes


class EcgModel(Part):
    """The original's small network, or a deeper one after the PTB-XL benchmarks."""

    name: Literal["small_resnet", "xresnet"] = "small_resnet"
    """The small network, or the deeper one."""
    width: int = Field(32, ge=8, le=1024, multiple_of=8)
    """Channels of the small network, or of the first stage of `xresnet`, which each further one doubles."""
    stages: Annotated[tuple[Annotated[int, Field(ge=1, le=64)], ...], Field(min_length=1, max_length=6)] = (
        2, 2, 2, 2,
    )  # fmt: skip
    """Residual blocks of each stage of `xresnet`."""
    dropout: float = Field(0.3, ge=0, lt=1)
    """Before the last layer."""


class EcgLoss(Part):
    """Cross-entropy, its classes weighted by how rare they are in the whole train split."""

    name: Literal["cross_entropy"] = "cross_entropy"
    balance: float = Field(1.0, ge=0, le=1)
    """Weight of a class with n of N samples, of K classes present: (N / (K n)) to this power. 1 gives every
    class the same say, 0 every sample."""
    most_weight: float = Field(100.0, ge=1, le=1e6)
    """No class weighs more."""


class EcgSpec(JobSpec):
    """A job of the ECG classifier."""

    workload: Literal["ecg"] = "ecg"
    data: EcgData = EcgData()
    model: EcgModel = EcgModel()
    loss: EcgLoss = EcgLoss()


_TRAINING: dict[str, Any] = {
    "optimizer": {"name": "adamw", "lr": 1e-3, "weight_decay": 1e-4},
    "schedule": {"name": "cosine", "min_lr": 1e-5},
}
_TRAINER: dict[str, Any] = {
    "batch_size": 64,
    "clip_grad_norm": 1.0,
    "seed": 42,
    "monitor": "val/f1_macro",
    "monitor_mode": "max",
    "log_every_steps": 10,
}

ECG = Contract(
    name="ecg",
    summary="Classifies ECG records of any number of leads, or single beats by the AAMI classes.",
    spec_type=EcgSpec,
    presets={
        "smoke": {
            **_TRAINING,
            "data": {"limit": 256},
            "trainer": {**_TRAINER, "epochs": 1, "batch_size": 16},
            "resources": {"cpus": 1, "memory_gib": 1},
        },
        "medium": {
            **_TRAINING,
            "data": {"limit": 5000},
            "trainer": {**_TRAINER, "epochs": 10},
            "resources": {"cpus": 2, "memory_gib": 2},
        },
        "full": {
            **_TRAINING,
            "trainer": {**_TRAINER, "epochs": 20},
            "checkpoint": {"every_epochs": 1, "every_minutes": 10},
            "resources": {"cpus": 2, "memory_gib": 2},
        },
        "beats": {
            **_TRAINING,
            "data": {
                "mode": "beats",
                "split": "de_chazal",
                "leads": ["MLII"],
                "sampling_rate": 180.0,
                "samples": 160,
                "band_hz": [0.5, 40.0],
                "val_share": 0.2,
                "augment": 0.5,
            },
            "model": {"name": "xresnet", "width": 16, "stages": [1, 1, 1]},
            "loss": {"balance": 0.5},
            "schedule": {"name": "warmup_cosine", "warmup_epochs": 1, "min_lr": 1e-5},
            "trainer": {**_TRAINER, "epochs": 6, "batch_size": 128},
            "resources": {"cpus": 2, "memory_gib": 2},
        },
    },
    sized_by=("data.path", "data.mode", "data.leads", "data.samples", "model"),
    lengths=("data.samples",),
    footprints={
        "smoke": Footprint(17_749, fixed_bytes=0, sample_bytes=3_823_616, other_bytes=432_376_492),
        "medium": Footprint(17_749, fixed_bytes=0, sample_bytes=4_070_912, other_bytes=433_089_196),
        "full": Footprint(17_749, fixed_bytes=0, sample_bytes=4_227_072, other_bytes=433_089_196),
        "beats": Footprint(49_045, fixed_bytes=0, sample_bytes=416_000, other_bytes=456_463_276),
    },
    default_preset="smoke",
    implementation="worker.workloads.ecg.workload:WORKLOAD",
    metrics=("train/loss", "val/loss", "val/f1_macro", "train/lr"),
    gradient_checkpointing=True,
)
