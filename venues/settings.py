"""The settings of a node. `config.yaml` at the top of the repository is their manual; a test proves that both agree."""

from __future__ import annotations

import difflib
import ipaddress
import re
import typing
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from venues.errors import TongtangError
from venues.tree import Level


@dataclass(frozen=True, kw_only=True)
class SettingsProblem:
    """One mistake. `key` is its path in the file ("http.port"), `suggestion` the known key that was probably meant."""

    key: str
    detail: str
    suggestion: str | None = None

    def __str__(self) -> str:
        meant = f"; did you mean {self.suggestion}?" if self.suggestion else ""
        return f"{self.key}: {self.detail}{meant}" if self.key else f"{self.detail}{meant}"


class SettingsError(TongtangError):
    """The settings in {path} are not usable: {mistakes}"""

    code = "settings_invalid"
    status = 500

    def __init__(self, path: str, problems: Sequence[SettingsProblem]) -> None:
        self.problems = tuple(problems)
        if len(self.problems) == 1:
            mistakes = f"{self.problems[0]}."
        else:
            mistakes = "".join(f"\n  {problem}" for problem in self.problems)
        super().__init__(path=path, mistakes=mistakes)


def _http_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment:
        raise ValueError("must be an address such as https://venue.example:8080")
    return text.rstrip("/")


def _http_url_or_empty(text: str) -> str:
    return _http_url(text) if text else text


def _database_url(text: str) -> str:
    if text and not text.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("must begin with sqlite:/// or postgresql+psycopg://")
    return text


def _ip_address(text: str) -> str:
    return str(ipaddress.ip_address(text))


def _ip_network(text: str) -> str:
    return str(ipaddress.ip_network(text))


def _ice_url(text: str) -> str:
    """RFC 7064 §3.1, RFC 7065 §3.1."""
    if not re.fullmatch(r"(stuns?:[\w.\-:\[\]]+)|(turns?:[\w.\-:\[\]]+(\?transport=(udp|tcp))?)", text, re.ASCII):
        raise ValueError("must be an address such as stun:stun.example:3478 or turn:turn.example:3478?transport=udp")
    return text


def _printable(text: str) -> str:
    if not (text.isascii() and (text.isprintable() or not text)):
        raise ValueError("must be printable ASCII")
    return text


def _time_zone(text: str) -> str:
    if text not in zoneinfo.available_timezones():
        raise ValueError("is not a time zone; write it like Asia/Shanghai")
    return text


# YAML gives lists where the models keep tuples: only there is a conversion allowed.
Urls = Annotated[tuple[Annotated[str, AfterValidator(_http_url)], ...], Field(strict=False)]
Addresses = Annotated[tuple[Annotated[str, AfterValidator(_ip_address)], ...], Field(strict=False)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_ip_network)], ...], Field(strict=False)]
OptionalUrl = Annotated[str, AfterValidator(_http_url_or_empty)]
Port = Annotated[int, Field(ge=0, le=65535)]
Positive = Annotated[int, Field(gt=0)]
Days = Annotated[int, Field(ge=0, le=36_500)]
Seconds = Annotated[float, Field(gt=0)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class NodeSettings(_Section):
    venue: str = ""
    data_dir: Annotated[str, Field(min_length=1)] = "data"


class ParentSettings(_Section):
    urls: Urls = ()


class HttpSettings(_Section):
    host: str = "0.0.0.0"
    port: Port = 8080
    public_url: OptionalUrl = ""
    tls_certificate: str = ""
    tls_key: str = ""

    @model_validator(mode="after")
    def _both_or_none(self) -> HttpSettings:
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("tls_certificate and tls_key must be given together")
        return self


class DatabaseSettings(_Section):
    url: Annotated[str, AfterValidator(_database_url)] = ""


class IceServer(_Section):
    """A STUN or TURN server that publishers and players are told of (RFC 9725 §4.6)."""

    url: Annotated[str, AfterValidator(_ice_url)]
    username: Annotated[str, AfterValidator(_printable)] = ""
    credential: Annotated[str, AfterValidator(_printable)] = ""

    @model_validator(mode="after")
    def _turn_needs_both(self) -> IceServer:
        if self.url.startswith("turn") and not (self.username and self.credential):
            raise ValueError("a TURN server needs username and credential")
        return self


class MediaSettings(_Section):
    host: Annotated[str, AfterValidator(_ip_address)] = "0.0.0.0"
    udp_port: Port = 8081
    addresses: Addresses = ()
    max_sessions: Positive = 2000
    ice_servers: Annotated[tuple[IceServer, ...], Field(strict=False)] = ()


class HeartbeatSettings(_Section):
    interval_s: Seconds = 10
    silent_after_s: Seconds = 35

    @model_validator(mode="after")
    def _patience(self) -> HeartbeatSettings:
        if self.silent_after_s <= self.interval_s:
            raise ValueError("silent_after_s must be longer than interval_s")
        return self


class AttendanceSettings(_Section):
    retention_days: Days = 1095
    device_days: Days = 90
    code_period_s: Positive = 15
    phone_url: OptionalUrl = ""
    sync_batch: Annotated[int, Field(gt=0, le=500)] = 500
    sync_interval_s: Seconds = 5


class WebSettings(_Section):
    language: Literal["zh_Hans_CN", "en"] = "zh_Hans_CN"
    time_zone: Annotated[str, AfterValidator(_time_zone)] = "Asia/Shanghai"
    session_hours: Seconds = 12
    trusted_proxies: Networks = ()


class LogSettings(_Section):
    level: Literal["debug", "info", "warning", "error"] = "info"


CHINESE_LEVELS = (
    Level(key="province", zh="省", en="Province"),
    Level(key="city", zh="市", en="City"),
    Level(key="county", zh="县", en="County"),
    Level(key="township", zh="乡镇", en="Township"),
    Level(key="village", zh="村", en="Village"),
)


def _distinct_levels(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    names = [name for level in levels for name in {level.key, level.zh, level.en}]
    if not 1 <= len(levels) <= 9:
        raise ValueError("there must be 1 to 9 levels")
    if len(set(names)) != len(names) or "" in names:
        raise ValueError("the keys and names of the levels must be distinct and not empty")
    return levels


class Settings(_Section):
    """`Settings()` is a root node on embedded defaults."""

    node: NodeSettings = NodeSettings()
    parent: ParentSettings = ParentSettings()
    http: HttpSettings = HttpSettings()
    database: DatabaseSettings = DatabaseSettings()
    media: MediaSettings = MediaSettings()
    levels: Annotated[tuple[Level, ...], Field(strict=False), AfterValidator(_distinct_levels)] = CHINESE_LEVELS
    heartbeat: HeartbeatSettings = HeartbeatSettings()
    attendance: AttendanceSettings = AttendanceSettings()
    web: WebSettings = WebSettings()
    log: LogSettings = LogSettings()

    @property
    def is_root(self) -> bool:
        return not self.parent.urls

    @property
    def database_url(self) -> str:
        """The URL for `Database`: `database.url`, or SQLite in the data folder."""
        return self.database.url or f"sqlite:///{Path(self.node.data_dir) / 'tongtang.db'}"


def load(path: Path | str) -> Settings:
    """Read a YAML file. Raises SettingsError that lists every mistake in it; keys that are not given have defaults."""
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise SettingsError(str(path), [SettingsProblem(key="", detail=error.strerror or str(error))]) from error
    except UnicodeDecodeError as error:
        raise SettingsError(str(path), [SettingsProblem(key="", detail="the file is not UTF-8")]) from error
    except yaml.YAMLError as error:
        raise SettingsError(str(path), [SettingsProblem(key="", detail=f"not YAML: {_one_line(error)}")]) from error
    content = {} if content is None else content
    if not isinstance(content, dict):
        raise SettingsError(str(path), [SettingsProblem(key="", detail="the file must hold sections such as http:")])
    # A section with every key commented out is null in YAML and means its defaults.
    given = {key: value for key, value in content.items() if not (value is None and key in Settings.model_fields)}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise SettingsError(str(path), [_problem(details) for details in error.errors()]) from error


class _Loader(yaml.SafeLoader):
    """YAML's own rule, which PyYAML does not keep: a key stands once in a mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key} is there twice", node.start_mark)
        return typing.cast("dict[Any, Any]", super().construct_mapping(node, deep))


def _one_line(error: yaml.YAMLError) -> str:
    return " ".join(str(error).replace('in "<unicode string>", ', "").split())


def _problem(details: Any) -> SettingsProblem:
    location = [str(part) for part in details["loc"]]
    key = ".".join(location)
    if details["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        known = _keys_of(location[:-1])
        close = difflib.get_close_matches(location[-1], known, n=1)
        meant = _elsewhere(location[-1]) or (".".join([*location[:-1], close[0]]) if close else None)
        return SettingsProblem(key=key, detail="there is no such key", suggestion=meant)
    return SettingsProblem(key=key, detail=details["msg"].removeprefix("Value error, "))


def _keys_of(location: Sequence[str]) -> list[str]:
    if location[:1] == ["levels"]:
        return ["key", "zh", "en"]
    if location[:2] == ["media", "ice_servers"]:
        return list(IceServer.model_fields)
    field = Settings.model_fields.get(location[0]) if location else None
    return list(_section_of(field.annotation) if field else Settings.model_fields)


def _elsewhere(name: str) -> str | None:
    """A key in the wrong section: the first section that has it."""
    sections = {section: _section_of(field.annotation) for section, field in Settings.model_fields.items()}
    return next((f"{section}.{name}" for section, keys in sections.items() if name in keys), None)


def _section_of(annotation: Any) -> list[str]:
    if get_args(annotation) or not issubclass(annotation, BaseModel):
        return []
    return list(annotation.model_fields)
