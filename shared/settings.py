"""Settings: the only reader of the environment. Every name begins with EPOCHD_.

What may not stand in an environment stands in a file: /run/secrets/epochd_token is as good as EPOCHD_TOKEN.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from shared.broker_url import check_broker_url
from shared.database_url import check_database_url
from shared.setting_problems import PREFIX, settings_sentence

log = logging.getLogger("epochd.settings")

SECRETS_DIR = Path("/run/secrets")


class Settings(BaseSettings):
    """What a process of epochd needs to know; defaults are those of embedded mode."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        use_attribute_docstrings=True,
        secrets_dir=SECRETS_DIR,
        hide_input_in_errors=True,  # what is wrong with a password is told without it
    )

    state_dir: Path = Path(".epochd")
    """Where embedded mode keeps its database, run directories and data."""
    database_url: SecretStr | None = None
    """SQLAlchemy address; SQLite beneath the state directory where not given."""
    runs_dir: Path | None = None
    """The shared volume with one folder a job."""
    data_dir: Path | None = None
    """The root that a spec's data paths lie beneath."""
    host: str = "127.0.0.1"
    port: int = Field(8642, ge=0, le=65_535)
    allowed_hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    """Host headers that are answered."""
    token: SecretStr | None = Field(None, min_length=16)
    """Bearer token of scope admin, beside those of the database; without any only loopback is listened on."""
    max_body_bytes: int = Field(1_048_576, ge=1024)

    slots: int | None = Field(None, ge=1, le=1024)
    """Jobs a worker supervises at once, resources allowing; 4, or one a GPU where those are more."""
    cpus: float | None = Field(None, gt=0)
    """Cores a worker offers; where not given those it is bound to, within the quota of its cgroup."""
    memory_gib: float | None = Field(None, gt=0)
    """Memory a worker offers; all of it where not given."""
    gpus: int | None = Field(None, ge=0, le=1024)
    """GPUs a worker offers; where not given all it sees that no other worker offers."""

    broker_url: SecretStr | None = None
    """Redis address of the doorbells; embedded mode, without a broker, where not given."""
    redispatch_after_seconds: float = Field(10.0, gt=0)
    """How long a job may stay unclaimed after its doorbell before it is rung for again."""
    fallback_poll_seconds: float = Field(10.0, gt=0)
    """How often a worker of the stack looks for work although no doorbell came."""

    lease_seconds: float = Field(30.0, gt=0)
    """How long a claim holds without renewal."""
    heartbeat_seconds: float = Field(5.0, gt=0)
    """Time between two renewals."""
    fence_seconds: float | None = Field(None, gt=0)
    """Without a renewal for so long a supervisor kills its trainer; never where not given."""
    reap_grace_seconds: float = Field(15.0, ge=0)
    """How long after its expiry a lease is given away."""
    cancel_grace_seconds: float = Field(30.0, ge=0, le=3600)
    """Time a trainer has to checkpoint after a cancel that names none."""
    alive_file: Path | None = None
    """A file that a worker of the stack touches at every heartbeat the database took; for health checks."""
    poll_seconds: float = Field(0.25, gt=0)
    """How often an idle worker looks for work when no bell rings."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then files; most machines have no folder of secrets for us."""
        sources = (init_settings, env_settings, dotenv_settings)
        assert isinstance(file_secret_settings, SecretsSettingsSource)
        folder = file_secret_settings.secrets_dir
        has_files = isinstance(folder, str | Path) and _is_for_us(Path(folder))
        return (*sources, file_secret_settings) if has_files else sources

    @classmethod
    def load(cls, flags: Mapping[str, Any] | None = None) -> Self:
        """The settings of a program under what its command line gave. Raises ValueError in one sentence."""
        given = dict(flags or {})
        try:
            return cls(**given)
        except (ValidationError, SettingsError) as error:
            folder = cls.model_config["secrets_dir"]
            assert isinstance(folder, Path)
            raise ValueError(settings_sentence(error, given, folder)) from None

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            check_database_url(url.get_secret_value())
        return url

    @field_validator("broker_url")
    @classmethod
    def _check_broker_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            check_broker_url(url.get_secret_value())
        return url

    @property
    def token_text(self) -> str | None:
        return None if self.token is None else self.token.get_secret_value()

    @property
    def resolved_database_url(self) -> str:
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.state_dir.resolve() / 'epochd.db'}"

    @property
    def resolved_runs_dir(self) -> Path:
        return (self.runs_dir or self.state_dir / "runs").resolve()

    @property
    def resolved_data_dir(self) -> Path:
        return (self.data_dir or self.state_dir / "data").resolve()

    @property
    def bells_dir(self) -> Path:
        return (self.state_dir / "bells").resolve()


def _is_for_us(folder: Path) -> bool:
    if not folder.exists():
        return False
    if os.access(folder, os.R_OK | os.X_OK):
        return True
    log.warning("%s is left out: its files are for another user", folder)
    return False
