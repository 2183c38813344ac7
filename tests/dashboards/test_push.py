"""Pushing against a server that speaks the part of Grafana's HTTP interface that pushing uses.

A real Grafana comes neither with Debian nor from a package registry; what this server answers follows Grafana's
documentation of its folder and dashboard interfaces.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from dashboards.board import UID, build
from dashboards.push import Outcome, push
from detector.cli import main
from detector.contract.errors import GillnetError, UsageError

TOKEN = "glsa_secret"


class Grafana:
    """What the server holds."""

    def __init__(self) -> None:
        self.folders: dict[str, dict[str, Any]] = {}
        self.boards: dict[str, dict[str, Any]] = {}
        self.about: dict[str, Any] = {"buildInfo": {"version": "12.1.0"}}
        self.saves = 0
        self.url = ""

    def answer(self, method: str, path: str, token: str | None, body: dict[str, Any]) -> tuple[int, Any]:
        """Answer a request with a status and a body."""
        if token != f"Bearer {TOKEN}":
            return 401, {"message": "Invalid API key"}
        if path == "/api/frontend/settings":
            return 200, self.about
        kind, _, uid = path.removeprefix("/api/").rpartition("/")
        if method == "GET":
            found = (self.folders if kind == "folders" else self.boards).get(uid)
            return (200, found) if found else (404, {"message": "not found"})
        return self._add_folder(body) if path == "/api/folders" else self._save(body)

    def _add_folder(self, body: dict[str, Any]) -> tuple[int, Any]:
        if body["uid"] in self.folders:
            return 412, {"message": "a folder with the same UID already exists"}
        self.folders[body["uid"]] = body
        return 200, body

    def _save(self, body: dict[str, Any]) -> tuple[int, Any]:
        board, uid = body["dashboard"], body["dashboard"]["uid"]
        if body["folderUid"] not in self.folders:
            return 400, {"message": "folder not found"}
        if uid in self.boards and not body["overwrite"]:
            return 412, {"message": "The dashboard has been changed by someone else", "status": "version-mismatch"}
        self.saves += 1
        held = {**board, "id": 7, "version": self.saves}
        self.boards[uid] = {"dashboard": held, "meta": {"folderUid": body["folderUid"]}}
        return 200, {"uid": uid, "status": "success", "version": self.saves}


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    held = Grafana()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            status, answer = held.answer(self.command, self.path, self.headers.get("Authorization"), body)
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = _serve  # noqa: N815 -- http.server names them so

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    held.url = f"http://127.0.0.1:{server.server_port}"
    yield held
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_first_push_creates_folder_and_board(grafana: Grafana):
    assert push(grafana.url, TOKEN) is Outcome.CREATED
    assert list(grafana.folders) == [UID]
    assert grafana.boards[UID]["dashboard"]["panels"] == build()["panels"]


def test_pushing_again_changes_nothing(grafana: Grafana):
    push(grafana.url, TOKEN)
    assert push(grafana.url + "/", TOKEN) is Outcome.UNCHANGED
    assert grafana.saves == 1


def test_a_board_changed_by_hand_is_put_right(grafana: Grafana):
    push(grafana.url, TOKEN)
    grafana.boards[UID]["dashboard"]["title"] = "Mine"
    assert push(grafana.url, TOKEN) is Outcome.UPDATED
    assert grafana.boards[UID]["dashboard"]["title"] == "Gillnet"


def test_a_board_moved_elsewhere_comes_back_to_its_folder(grafana: Grafana):
    push(grafana.url, TOKEN)
    grafana.boards[UID]["meta"]["folderUid"] = "other"
    assert push(grafana.url, TOKEN) is Outcome.UPDATED
    assert grafana.boards[UID]["meta"]["folderUid"] == UID


def test_a_refused_token_is_said_without_showing_it(grafana: Grafana):
    with pytest.raises(GillnetError, match=r"refuses the token.*GILLNET_GRAFANA_TOKEN") as caught:
        push(grafana.url, "glsa_other")
    assert "glsa_other" not in str(caught.value)


def test_without_a_token_it_says_where_to_get_one(grafana: Grafana):
    with pytest.raises(UsageError, match="service account token"):
        push(grafana.url, None)


def test_what_is_not_grafana_is_left_alone(grafana: Grafana):
    grafana.about = {"hello": "world"}
    with pytest.raises(GillnetError, match="is not Grafana"):
        push(grafana.url, TOKEN)


def test_nobody_there_is_one_clear_error(free_port: int):
    with pytest.raises(GillnetError, match=f"no Grafana answers at http://127.0.0.1:{free_port}"):
        push(f"http://127.0.0.1:{free_port}", TOKEN)


@pytest.mark.parametrize("url", ["grafana.example.org", "ftp://grafana", "http://"])
def test_what_is_no_url_is_wrong_usage(url: str):
    with pytest.raises(UsageError, match="looks like"):
        push(url, TOKEN)


def test_a_password_in_the_url_is_not_repeated(free_port: int):
    with pytest.raises(GillnetError) as caught:
        push(f"http://me:hunter2@127.0.0.1:{free_port}", TOKEN)
    assert "hunter2" not in str(caught.value)


def test_the_command_takes_its_token_from_the_environment(
    grafana: Grafana, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("GILLNET_GRAFANA_TOKEN", TOKEN)
    for outcome in ("created", "unchanged"):
        with pytest.raises(SystemExit) as ended:
            main(["dashboards", "push", "--url", grafana.url])
        assert ended.value.code == 0
        shown = capsys.readouterr()
        assert shown.out == f"Board {outcome}: {grafana.url}/d/{UID}\n"
        assert TOKEN not in shown.out + shown.err


def test_the_command_writes_every_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(["dashboards", "export", "--output", str(tmp_path), "--json"])
    assert ended.value.code == 0
    assert sorted(json.loads(capsys.readouterr().out)) == sorted(str(file) for file in tmp_path.iterdir())
    assert json.loads((tmp_path / "gillnet-board.json").read_text()) == build()
