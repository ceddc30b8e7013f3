from __future__ import annotations

import asyncio
import csv
import datetime as dt
import io
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from attendance.frozen import canonical, hash_of
from tests.attendance.test_frozen import made
from venues.identity import Identity, NodeKey, enrol_message
from venues.settings import load
from venues.status import NodeNews
from venues.tokens import TokenKind
from web import identity_file
from web.cli import main
from web.node import Node

VENUES = """code,name,level,parent
52,贵州省,province,
5203,遵义市,city,52
520328,湄潭县,county,5203
520328101,永兴镇,township,520328
520328101201,流河渡村,village,520328101
520328101202,中华村,village,520328101
520328102,中华村,village,520328
"""
PEOPLE = "编号,姓名,所属场所\n1,陈秀英,520328101201\n2,杨光明,520328101202\n"


class Tongtang:
    """The command, with a node of its own in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.config = self.file(
            "config.yaml", f"node: {{data_dir: '{folder / 'data'}'}}\nhttp: {{host: 127.0.0.1, port: 0}}\n"
        )

    def file(self, name: str, text: str) -> Path:
        (self.folder / name).write_text(text, encoding="utf-8")
        return self.folder / name

    def __call__(self, *arguments: object, stdin: str | None = None) -> Result:
        return CliRunner().invoke(
            main, [str(each) for each in arguments], input=stdin, env={"TONGTANG_CONFIG": str(self.config)}
        )

    def good(self, *arguments: object, stdin: str | None = None) -> str:
        result = self(*arguments, stdin=stdin)
        assert result.exit_code == 0, result.output
        return result.stdout

    def bad(self, *arguments: object, stdin: str | None = None) -> str:
        """What it says on standard error when it fails as it should: exit status 2, nothing on standard output."""
        result = self(*arguments, stdin=stdin)
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        return result.stderr


@pytest.fixture
def tongtang(tmp_path: Path) -> Tongtang:
    return Tongtang(tmp_path)


@pytest.fixture
def peopled(tongtang: Tongtang) -> Tongtang:
    tongtang.good("venues", "import", tongtang.file("venues.csv", VENUES))
    tongtang.good("people", "import", tongtang.file("people.csv", PEOPLE))
    return tongtang


def commands(group: click.Group, *path: str) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        found.append((*path, name))
        if isinstance(command, click.Group):
            found += commands(command, *path, name)
    return found


@pytest.mark.parametrize("path", [(), *commands(main)], ids=" ".join)
def test_every_command_has_help_that_says_what_it_does(tongtang: Tongtang, path: tuple[str, ...]) -> None:
    text = tongtang.good(*path, "--help")
    assert len(text.split("Options:")[0].split()) > 6
    for option in re.findall(r"^  (-\S.*)$", text, re.MULTILINE):
        assert "  " in option.strip() or len(option) > 25, f"{option} is not explained"


def test_importing_says_what_it_did(tongtang: Tongtang) -> None:
    venues = tongtang.file("venues.csv", VENUES)
    assert tongtang.good("venues", "import", venues) == "7 venues added, 0 changed, 0 as before.\n"
    assert tongtang.good("venues", "import", venues) == "0 venues added, 0 changed, 7 as before.\n"
    people = tongtang.file("people.csv", PEOPLE)
    assert tongtang.good("people", "import", people) == "2 people added, 0 changed, 0 as before.\n"


def test_every_mistake_in_a_file_is_listed_with_its_line(peopled: Tongtang) -> None:
    venues = peopled.file("bad.csv", "code,name,level,parent\n1,,village,52\n2,b,nonsense,9\n")
    said = peopled.bad("venues", "import", venues)
    for place in ("bad.csv:2: ", "bad.csv:3: "):
        assert place in said
    assert said.splitlines()[-1].startswith("Error: ")
    people = peopled.file("bad_people.csv", "number,name,venue\n1,甲,52\n1,乙,nowhere\n")
    said = peopled.bad("people", "import", people)
    assert said.count("bad_people.csv:3: ") == 2


def test_a_lecture_from_plan_to_report(peopled: Tongtang) -> None:
    lecture = peopled.good("lecture", "create", "党课", "--venue", "湄潭县", "--starts-at", "2026-11-22 10:00").strip()
    assert f"{lecture}  planned  2026-11-22 10:00  湄潭县  党课" in peopled.good("lecture", "list")
    assert "The lecture has not been started." in peopled.bad("lecture", "stop", lecture)
    assert peopled.good("lecture", "start", lecture) == "党课: live\n"
    assert peopled.good("lecture", "stop", lecture) == "党课: ended\n"
    table = peopled.good("report", lecture, "--venue", "永兴镇")
    assert "贵州省 / 遵义市 / 湄潭县 / 永兴镇" in table
    assert re.search(r"^流河渡村 +0 +0 +0 +0 +1 +0 ", table, re.MULTILINE)
    rows = list(
        csv.DictReader(io.StringIO(peopled.good("report", lecture, "--csv", "--venue", "永兴镇").lstrip("\ufeff")))
    )
    assert [(row["name"], row["expected"]) for row in rows] == [("永兴镇", "2"), ("流河渡村", "1"), ("中华村", "1")]
    assert "陈秀英" in peopled.good("report", lecture, "--names", "expected")
    assert "杨光明" in peopled.good("report", lecture, "--names", "absent_so_far", "--csv")


def test_users_come_with_a_role_and_a_place(peopled: Tongtang) -> None:
    place = ("--role", "operator", "--venue", "流河渡村")
    password = peopled.good("user", "add", "甲", *place, "--generate")
    assert re.fullmatch(r"[a-z2-9]{4}(-[a-z2-9]{4}){2}\n", password)
    assert "甲 is now operator" not in password
    assert "乙 is now operator of 流河渡村" in peopled.good(
        "user", "add", "乙", *place, "--password-stdin", stdin="long enough\n"
    )
    assert "already a user" in peopled.bad("user", "add", "甲", *place, "--generate")
    assert "at least 8" in peopled.bad("user", "add", "丙", *place, "--password-stdin", stdin="short\n")
    assert "520328101202, 520328102" in peopled.bad(
        "user", "add", "丙", "--role", "operator", "--venue", "中华村", "--generate"
    )


def test_users_are_listed_and_kept_out(peopled: Tongtang) -> None:
    nobody = peopled("user", "list")
    assert (nobody.stdout, nobody.stderr) == ("", "There are no users here yet (tongtang user add).\n")
    peopled.good("user", "add", "甲", "--role", "operator", "--venue", "流河渡村", "--generate")
    assert peopled.good("user", "list") == "甲  operator  流河渡村  active\n"
    peopled.good("user", "disable", "甲")
    assert peopled.good("user", "list") == "甲  operator  流河渡村  disabled\n"
    peopled.good("user", "enable", "甲")
    assert peopled.good("user", "list") == "甲  operator  流河渡村  active\n"
    assert re.fullmatch(r"[a-z2-9-]{14}\n", peopled.good("user", "password", "甲", "--generate"))
    assert "has a new password" in peopled.good("user", "password", "甲", "--password-stdin", stdin="long enough\n")
    assert "no user with the name" in peopled.bad("user", "disable", "nobody")


def test_a_password_is_not_asked_for_without_a_terminal(peopled: Tongtang) -> None:
    said = peopled.bad("user", "add", "甲", "--role", "operator")
    assert said == "Error: There is no terminal to ask for the password: use --generate or --password-stdin.\n"


def test_what_obs_needs_is_an_address_and_a_token(peopled: Tongtang) -> None:
    peopled.file("config.yaml", peopled.config.read_text().replace("port: 0", "port: 8090"))
    lecture = peopled.good("lecture", "create", "党课").strip()
    address, token = peopled.good("lecture", "token", lecture).split()
    assert address == f"http://127.0.0.1:8090/whip/{lecture}"
    watch, other = peopled.good("lecture", "token", lecture, "--view", "--hours", "1").split()
    assert watch == f"http://127.0.0.1:8090/whep/{lecture}"

    async def kinds() -> list[TokenKind]:
        async with Node(load(peopled.config)).opened() as node:
            grants = [await node.tokens.check(secret) for secret in (token, other)]
            return [grant.kind for grant in grants if grant and grant.lecture_id == lecture]

    assert asyncio.run(kinds()) == [TokenKind.PUBLISH, TokenKind.VIEW]
    assert "There is no lecture nix here." in peopled.bad("lecture", "token", "nix")


def test_nothing_to_list_is_said_on_standard_error(peopled: Tongtang) -> None:
    for what, sentence in (
        (("lecture", "list"), "There are no lectures here yet.\n"),
        (("node", "list"), "No node has been enrolled here yet (tongtang node token).\n"),
    ):
        result = peopled(*what)
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", sentence)


def test_nodes_are_listed_with_local_times_and_where_they_were_enrolled(peopled: Tongtang) -> None:
    at = dt.datetime(2026, 11, 22, 2, 0, tzinfo=dt.UTC)

    async def enrol() -> tuple[str, str]:
        async with Node(load(peopled.config), now=lambda: at).opened() as node:
            key = NodeKey.make(bytes(32))
            county = await node.venues.by_code("520328")
            village = await node.venues.by_code("520328101201")
            token = await node.enrolment.issue(county.id, dt.timedelta(hours=1))
            record = await node.enrolment.enrol(token, key.public, key.sign(enrol_message(token, key.public)))
            news = NodeNews(
                revision=1, node="below", venue_id=village.id, public_key="k", enrolled_at=at, revoked_at=None
            )
            await node.enrolment.take(record.id, 0, [news])
            return record.id, news.node

    county, village = asyncio.run(enrol())
    listed = peopled.good("node", "list")
    assert f"{county}  湄潭县  enrolled 2026-11-22 10:00  active\n" in listed
    assert f"{village}  流河渡村  enrolled below 2026-11-22 10:00  active\n" in listed
    assert peopled("node", "revoke", county).stderr == ""
    assert "revoke it there, too" in peopled("node", "revoke", village).stderr


def test_a_token_is_alone_on_standard_output(peopled: Tongtang) -> None:
    result = peopled("node", "token", "流河渡村")
    assert len(result.stdout.strip()) >= 32
    assert "流河渡村 (520328101201)" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("venues", "import", "nowhere.csv"), "nowhere.csv: No such file or directory."),
        (("report", "nix"), "There is no lecture nix here."),
        (("lecture", "start", "nix"), "There is no lecture nix here."),
        (("lecture", "create", "x", "--venue", "99"), "There is no venue 99 in the tree."),
        (("node", "revoke", "nix"), "There is no node nix enrolled here."),
        (("node", "enrol"), "Give the parent's address, here or as parent.urls in the configuration."),
        (("node", "enrol", "http://127.0.0.1:1", "--token", "x"), "cannot be reached"),
        (("node", "enrol", "notaurl", "--token", "x"), "give it as https://… or http://…"),
        (("node", "token", "52"), "贵州省 is not below the venue of this node"),
        (("publish", "http://127.0.0.1:1/whip/x", "--token", "x", "--source", "nowhere.mp4"), "no such file or device"),
        (("publish", "nowhere", "--token", "x"), "give it as https://"),
        (("publish", "http://h/", "--token", "x", "--size", "big"), "give it as WIDTHxHEIGHT"),
    ],
)
def test_errors_are_one_sentence_and_exit_status_2(
    peopled: Tongtang, arguments: tuple[str, ...], sentence: str
) -> None:
    said = peopled.bad(*arguments)
    assert sentence in said.splitlines()[-1]
    assert "Traceback" not in said


@pytest.fixture
def child(peopled: Tongtang) -> Tongtang:
    """The same node, moved below another: it knows the tree, and stands in 湄潭县."""
    key = NodeKey.make(bytes(32))
    identity_file.save(peopled.folder / "data", Identity(node_id="n", venue_id=3, venue_code="520328", key=key))
    peopled.file("config.yaml", peopled.config.read_text() + "parent: {urls: ['http://127.0.0.1:1']}\n")
    return peopled


def test_what_comes_from_the_parent_is_not_imported_at_a_child(child: Tongtang) -> None:
    venues = child.bad("venues", "import", child.folder / "venues.csv")
    assert venues == "Error: This node gets its venues from its parent; import them at the root.\n"
    people = child.bad("people", "import", child.folder / "people.csv")
    assert people == "Error: This node gets its people from its parent; import them at the root.\n"


def test_a_child_adds_users_of_its_own_subtree(child: Tongtang) -> None:
    assert "甲 is now operator of 湄潭县" in child("user", "add", "甲", "--role", "operator", "--generate").stderr
    child.good("user", "add", "乙", "--role", "operator", "--venue", "流河渡村", "--generate")
    said = child.bad("user", "add", "丙", "--role", "organizer", "--venue", "遵义市", "--generate")
    assert said == "Error: 遵义市 is not within this node's venue (湄潭县): add the user at a node above.\n"
    assert "not below the venue of this node" in child.bad("node", "token", "湄潭县")
    assert "not below the venue of this node" in child.bad("node", "token", "52")
    child.good("node", "token", "流河渡村")


def test_the_data_folder_is_for_the_owner_alone(peopled: Tongtang) -> None:
    data = peopled.folder / "data"
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "tongtang.db").stat().st_mode) == 0o600


def test_a_node_enrols_with_its_own_venues_token_only_and_is_told_so_in_english(peopled: Tongtang) -> None:
    peopled.file("config.yaml", peopled.config.read_text() + "media: {udp_port: 0}\n")
    token = peopled.good("node", "token", "湄潭县").strip()
    below = Tongtang(peopled.folder / "below")
    with start(peopled) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        below.file("config.yaml", f"{below.config.read_text().replace('node: {', 'node: {venue: 520328101201, ')}")
        below.file("config.yaml", below.config.read_text().replace("520328101201", "'520328101201'"))
        said = below.bad("node", "enrol", url, "--token", token)
        assert "is for the venue 湄潭县 (520328), not for 520328101201" in said
        assert not (below.folder / "data").exists()
        below.file("config.yaml", below.config.read_text().replace("520328101201", "520328"))
        done = below("node", "enrol", url, "--token", token)
        assert done.stdout.startswith("Enrolled as the node of venue 520328 ")
        assert f'parent: {{urls: ["{url}"]}}' in done.stderr
        assert "already been used" in below.bad("node", "enrol", url, "--token", token, "--again")
        process.terminate()
        process.communicate(timeout=30)


def test_before_the_import_a_command_says_what_to_do(tongtang: Tongtang) -> None:
    assert "tongtang venues import" in tongtang.bad("lecture", "create", "x")


def test_all_mistakes_of_a_configuration_are_reported(tongtang: Tongtang) -> None:
    tongtang.file("config.yaml", "htp: {}\nhttp: {port: many}\n")
    said = tongtang.bad("lecture", "list")
    assert "did you mean http" in said
    assert "http.port" in said


def test_a_configuration_that_is_not_there_is_one_sentence(tongtang: Tongtang) -> None:
    tongtang.config.unlink()
    said = tongtang.bad("lecture", "list")
    assert said.endswith(f"The settings in {tongtang.config} are not usable: No such file or directory.\n")


def test_a_database_that_cannot_be_reached_is_one_sentence(tongtang: Tongtang) -> None:
    tongtang.file("config.yaml", "database: {url: 'postgresql+psycopg://u:p@127.0.0.1:1/x'}\n")
    said = tongtang.bad("lecture", "list")
    assert said.startswith("Error: The database cannot be used: ")
    assert said.count("\n") == 1


def start(tongtang: Tongtang, *arguments: str, **options: object) -> subprocess.Popen[str]:
    here = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-m", "web", "serve", *arguments],
        cwd=here,
        env=os.environ | {"TONGTANG_CONFIG": str(tongtang.config)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_says_where_and_stops_on_a_signal(peopled: Tongtang, number: signal.Signals) -> None:
    peopled.file("config.yaml", peopled.config.read_text() + "media: {udp_port: 0}\n")
    with start(peopled) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"贵州省 is served at (http://127\.0\.0\.1:\d+)\n", line)
        assert found, line + process.communicate()[1]
        with urllib.request.urlopen(f"{found[1]}/healthz", timeout=10) as answer:
            assert answer.status == 200
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors


def test_serve_stops_when_the_pipe_of_its_parent_closes(peopled: Tongtang) -> None:
    peopled.file("config.yaml", peopled.config.read_text() + "media: {udp_port: 0}\n")
    with start(peopled, "--until-eof", stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert "is served at" in process.stdout.readline()
        process.stdin.close()
        assert process.wait(timeout=30) == 0


def test_serve_says_that_its_port_is_taken(peopled: Tongtang) -> None:
    peopled.file("config.yaml", peopled.config.read_text() + "media: {udp_port: 0}\n")
    with start(peopled) as first:
        assert first.stdout is not None
        port = first.stdout.readline().rsplit(":", 1)[1].strip()
        peopled.file("config.yaml", peopled.config.read_text().replace("port: 0}\nmedia", f"port: {port}}}\nmedia"))
        with start(peopled) as second:
            _, errors = second.communicate(timeout=30)
            assert second.returncode == 2
            sentence = f"The node cannot listen on 127.0.0.1, TCP port {port}: Address already in use."
            assert errors.splitlines()[-1] == f"Error: {sentence}"
        first.terminate()
        first.communicate(timeout=30)


def test_serve_says_that_its_media_port_is_taken(peopled: Tongtang) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        peopled.file("config.yaml", peopled.config.read_text() + f"media: {{host: 127.0.0.1, udp_port: {port}}}\n")
        with start(peopled) as process:
            _, errors = process.communicate(timeout=30)
        assert process.returncode == 2
        assert f"cannot listen on 127.0.0.1, UDP port {port}: Address already in use." in errors


def test_a_node_that_is_not_enrolled_says_so(tongtang: Tongtang) -> None:
    tongtang.file(
        "config.yaml", tongtang.config.read_text() + "media: {udp_port: 0}\nparent: {urls: ['http://127.0.0.1:1']}\n"
    )
    with start(tongtang) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("A node that is not enrolled yet (enrol it: tongtang node enrol) is served at http://")
        key = NodeKey.make(bytes(32))
        identity = Identity(node_id="n", venue_id=3, venue_code="520328", key=key)
        identity_file.save(tongtang.folder / "data", identity)
        process.terminate()
        process.communicate(timeout=30)
    with start(tongtang) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("The node of venue 520328 is served at http://")
        assert said.endswith(" and waits for the list of venues from its parent\n")
        process.terminate()
        process.communicate(timeout=30)


def test_a_root_without_venues_says_so_and_when_it_has_them(tongtang: Tongtang) -> None:
    tongtang.file("config.yaml", tongtang.config.read_text() + "media: {udp_port: 0}\n")
    with start(tongtang) as process:
        assert process.stdout is not None
        assert "without venues yet (import them: tongtang venues import)" in process.stdout.readline()
        tongtang.good("venues", "import", tongtang.file("venues.csv", VENUES))
        assert process.stdout.readline().startswith("贵州省 is served at http://")
        process.terminate()
        process.communicate(timeout=30)


def test_a_frozen_report_is_checked_without_a_node(tongtang: Tongtang) -> None:
    raw = canonical(made())
    hash_ = hash_of(raw)
    file = tongtang.folder / "version-1.json"
    file.write_bytes(raw)
    said = tongtang.good("report", "verify", file, "--hash", hash_.upper())
    assert said.startswith(f"{hash_}  {file}\n党课 · 1村 · version 1, policy 1\n")
    assert said.endswith("The hash is the one given.\n")
    assert "not the report that was signed" in tongtang.bad("report", "verify", file, "--hash", "0" * 64)
    file.write_bytes(raw.replace(b'"over":false', b'"over":true'))
    assert "not the report that was signed" in tongtang.bad("report", "verify", file, "--hash", hash_)
    file.write_bytes(raw + b"\n")
    assert "not a frozen report" in tongtang.bad("report", "verify", file)
    assert "No such file" in tongtang.bad("report", "verify", tongtang.folder / "nowhere.json")
