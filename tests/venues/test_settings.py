from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from venues import Level, Settings, SettingsError, load

MANUAL = Path(__file__).parents[2] / "config.yaml"


Mistakes = Callable[[str], list[str]]


@pytest.fixture
def mistakes(tmp_path: Path) -> Mistakes:
    def load_text(text: str) -> list[str]:
        file = tmp_path / "config.yaml"
        file.write_text(text, encoding="utf-8")
        with pytest.raises(SettingsError) as refused:
            load(file)
        assert str(file) in refused.value.message
        return [str(problem) for problem in refused.value.problems]

    return load_text


def test_the_manual_is_the_defaults() -> None:
    assert load(MANUAL) == Settings()


def test_the_manual_has_every_key_and_no_other_and_explains_it() -> None:
    text = MANUAL.read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    assert list(content) == list(Settings.model_fields)
    for section, model in vars(Settings()).items():
        if isinstance(model, BaseModel):
            assert list(content[section]) == list(type(model).model_fields), section
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("  ") and not line.lstrip().startswith(("#", "-", "tls_key")):
            assert lines[number - 1].lstrip().startswith("#"), f"{line.strip()} has no comment"


def test_an_empty_file_and_an_empty_section(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("", encoding="utf-8")
    assert load(file) == Settings()
    file.write_text("parent:\n  # urls: []\nhttp:\n  port: 9\n", encoding="utf-8")
    assert load(file).http.port == 9


def test_values_are_taken_over(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "parent: {urls: ['https://a.example/', 'http://b.example:8080']}\n"
        "levels: [{key: hall, zh: 厅, en: Hall}]\n"
        "media: {addresses: [192.0.2.1, '2001:DB8::1']}\n"
        "heartbeat: {interval_s: 0.5, silent_after_s: 2}\n",
        encoding="utf-8",
    )
    settings = load(file)
    assert settings.parent.urls == ("https://a.example", "http://b.example:8080")
    assert not settings.is_root
    assert settings.levels == (Level(key="hall", zh="厅", en="Hall"),)
    assert settings.media.addresses == ("192.0.2.1", "2001:db8::1")
    assert settings.heartbeat.interval_s == 0.5


def test_ice_servers_are_urls_with_credentials_where_needed(tmp_path: Path, mistakes: Mistakes) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "media: {ice_servers: [{url: 'turns:[2001:db8::1]:5349?transport=tcp', username: u, credential: c}, "
        "{url: 'stun:stun.example'}]}\n",
        encoding="utf-8",
    )
    assert [server.username for server in load(file).media.ice_servers] == ["u", ""]
    assert mistakes(
        "media: {ice_servers: [{url: 'turn:a.example'}, {url: 'http://a.example'}, "
        "{url: 'stun:a.example', username: \"a\\r\\nb\"}, {url: 'stun:a.example', user: u}]}\n"
    ) == [
        "media.ice_servers.0: a TURN server needs username and credential",
        "media.ice_servers.1.url: must be an address such as stun:stun.example:3478 or "
        "turn:turn.example:3478?transport=udp",
        "media.ice_servers.2.username: must be printable ASCII",
        "media.ice_servers.3.user: there is no such key; did you mean media.ice_servers.3.username?",
    ]


def test_all_mistakes_at_once_with_suggestions(mistakes: Mistakes) -> None:
    assert mistakes(
        "htpp: {}\nhttp: {port: '80', hots: x, udp_port: 1}\nparent: {urls: [b.example]}\nlog: {level: loud}\n"
        "levels:\n- {key: a, zh: b, em: c}\n"
    ) == [
        "parent.urls.0: must be an address such as https://venue.example:8080",
        "http.port: Input should be a valid integer",
        "http.hots: there is no such key; did you mean http.host?",
        "http.udp_port: there is no such key; did you mean media.udp_port?",
        "levels.0.en: Field required",
        "levels.0.em: there is no such key",
        "log.level: Input should be 'debug', 'info', 'warning' or 'error'",
        "htpp: there is no such key; did you mean http?",
    ]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("http: {port: 70000}", "http.port"),
        ("http: {port: yes}", "http.port"),
        ("http: {tls_key: k.pem}", "http"),
        ("http: {public_url: 'ftp://x'}", "http.public_url"),
        ("http: {public_url: 'http://x:y'}", "http.public_url"),
        ("http: 3", "http"),
        ("media: {host: localhost}", "media.host"),
        ("media: {addresses: 192.0.2.1}", "media.addresses"),
        ("media: {max_sessions: 0}", "media.max_sessions"),
        ("heartbeat: {interval_s: 40}", "heartbeat"),
        ("attendance: {sync_batch: 501}", "attendance.sync_batch"),
        ("web: {time_zone: Asia/Guiyang}", "web.time_zone"),
        ("web: {language: fr}", "web.language"),
        ("web: {trusted_proxies: [10.0.0.1/8]}", "web.trusted_proxies.0"),
        ("database: {url: 'mysql://x'}", "database.url"),
        ("levels: []", "levels"),
        ("levels: [{key: a, zh: b, en: c}, {key: a, zh: d, en: e}]", "levels"),
    ],
)
def test_unusable_values(mistakes: Mistakes, text: str, key: str) -> None:
    assert [line.split(":")[0] for line in mistakes(text)] == [key]


def test_a_file_that_is_not_a_configuration(mistakes: Mistakes, tmp_path: Path) -> None:
    assert mistakes("- a\n") == ["the file must hold sections such as http:"]
    assert mistakes("a: [\n")[0].startswith("not YAML:")
    assert "the key port is there twice" in mistakes("http:\n  port: 1\n  port: 2\n")[0]
    with pytest.raises(SettingsError, match="No such file"):
        load(tmp_path / "none.yaml")
    (tmp_path / "gbk.yaml").write_bytes("web: {x: 中文}".encode("gb18030"))
    with pytest.raises(SettingsError, match="not UTF-8"):
        load(tmp_path / "gbk.yaml")


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().http.port = 1  # type: ignore[misc]


def test_database_url() -> None:
    assert Settings().database_url == "sqlite:///data/tongtang.db"
    given = Settings.model_validate({"database": {"url": "postgresql+psycopg://root@db/tongtang"}})
    assert given.database_url == "postgresql+psycopg://root@db/tongtang"
