"""Settings of the service, from ``CRITECH_*`` environment variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from critech.errors import InputError

RATE_LIMIT = 6_000
CONCURRENCY_LIMIT = 64
STREAM_LIMIT = 4  # a quarter of those that may be open


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
    bundles_dir: Path | None = Field(
        None, description="Bundles directory, by `critech bundle install`, instead of a bundle."
    )
    bundle_key: Path | None = Field(
        None, description="Public key by which every bundle must be signed."
    )
    shadow_bundle: Path | None = Field(
        None, description="Second bundle, whose disagreements are counted; none by default."
    )
    shadow_share: float = Field(
        0.1, gt=0, le=1, description="Share of the documents that the second bundle sees, too."
    )
    threads: int | None = Field(
        None, ge=1, le=256, description="Inference threads; the number of processors by default."
    )
    workers: int = Field(
        1, ge=1, le=64, description="Server processes, each with a bundle and threads of its own."
    )
    max_body_bytes: int = Field(
        2_000_000, ge=1_000, description="Largest request body, in bytes; more is answered 413."
    )
    queue_tokens: int | None = Field(
        None,
        ge=1_000,
        description="Tokens that may wait; more is answered 503. By default 250,000 for each "
        "inference thread, at least 500,000.",
    )
    deadline_seconds: float = Field(
        100.0,
        gt=0,
        le=3_600,
        description="Seconds for a request once it is read; then 503, and its work is dropped.",
    )
    receive_seconds: float = Field(
        60.0,
        gt=0,
        le=3_600,
        description="Time for a client to send a request's head, and then its body: a slow head is "
        "cut off, a slow body answered 408.",
    )
    log_level: str = Field(
        "info", pattern="^(critical|error|warning|info|debug)$", description="Level of the log."
    )
    log_format: Literal["json", "text"] = Field(
        "json", description="Form of a line of the log: one JSON object, or text for people."
    )
    otel_endpoint: str | None = Field(
        None, description="OTLP collector that traces go to over HTTP; none by default."
    )
    docs: bool = Field(
        True, description="Serve /openapi.json. No page that shows it is ever served."
    )
    page: bool = Field(True, description="Serve the screening desk, a page for browsers, at /.")
    keys_file: Path | None = Field(None, description="File of API keys, by `critech keys create`.")
    keys: SecretStr | None = Field(
        None, description="The content of such a file, where there is no place for one."
    )
    host_names: str = Field(
        "",
        description="Names, with commas between, by which a service without keys is called besides "
        "addresses and localhost; others are answered 421.",
    )
    insecure_no_keys: bool = Field(
        False, description="Listen on other addresses than loopback without keys."
    )
    rate_limit: int | None = Field(
        None,
        ge=0,
        description="Requests a minute for each key; more is answered 429; 0: any. By default "
        f"{RATE_LIMIT} with keys, and none without.",
    )
    concurrency_limit: int | None = Field(
        None,
        ge=0,
        description="Requests at once for each key; more is answered 429; 0: any. By default "
        f"{CONCURRENCY_LIMIT} with keys, and none without.",
    )
    stream_limit: int | None = Field(
        None,
        ge=0,
        description="Streams open at once for each key; more is answered 503; 0: any. By default "
        f"{STREAM_LIMIT} with keys, and none without.",
    )
    tls_cert: Path | None = Field(None, description="Certificate chain in PEM; turns TLS on.")
    tls_key: Path | None = Field(None, description="Private key of the certificate in PEM.")
    uds: Path | None = Field(None, description="UNIX socket to listen on instead of host and port.")
    uds_mode: str = Field(
        "660", pattern="^0?[0-7]{3}$", description="Permissions of the UNIX socket, octal."
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
    corrections_file: Path | None = Field(
        None, description="File of corrections that reviews over HTTP may add to; none by default."
    )


def read_settings(given: dict[str, Any]) -> Settings:
    """Return the settings, what is given winning over the environment. InputError names a setting
    that is wrong, not its value."""
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise InputError(f"setting {first['loc'][0]}", first["msg"]) from None
