"""Settings of the service, from ``CRITECH_*`` environment variables."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """All settings, read once at start and passed down."""

    model_config = SettingsConfigDict(env_prefix="CRITECH_", frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(
        8000, ge=0, le=65535, description="TCP port to listen on; 0 picks a free one."
    )
    bundle: Path | None = Field(
        None, description="Folder of the bundle; the shipped one by default."
    )
    threads: int | None = Field(
        None, ge=1, le=256, description="Inference threads; the number of processors by default."
    )
    max_body_bytes: int = Field(
        2_000_000, ge=1_000, description="Largest request body, in bytes; more is answered 413."
    )
    log_level: str = Field(
        "info", pattern="^(critical|error|warning|info|debug)$", description="Level of the log."
    )
    audit_log: Path | None = Field(
        None, description="Audit log of screening; none is kept by default."
    )
    audit_hmac_file: Path | None = Field(
        None, description="File with the secret of the audit log's digests, 32 bytes or more."
    )
    audit_hmac_key: SecretStr | None = Field(
        None, description="That secret itself, where no file can be given."
    )
    audit_fsync: Literal["always", "batch", "off"] = Field(
        "always",
        description="When records reach the disk: before the answer, within 1 s, any time.",
    )
    audit_max_bytes: int = Field(
        100_000_000, ge=10_000, description="Size in bytes from which a new file is begun."
    )
