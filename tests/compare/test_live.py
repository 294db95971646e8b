"""``gatekit serve``: what the local page is answered, what is read for it, and what is refused."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import sys
import threading
import time
from urllib.parse import quote

import processes
import pytest
import yaml
from seams import LiveStudies, RunFolder, Server, main, server

from gatekit import ConfigError, RunError

from .report.studies import HOSTILE
from .synthetic import configuration, write_run


def log(folder, epochs, value=8.0):
    for epoch in epochs:
        place = {"epoch": epoch, "step": 14 * epoch, "seconds": 2.0 * epoch}
        folder.log({**place, "split": "train", "metric": "loss", "value": value})
        folder.log({**place, "split": "validation", "metric": "nll", "value": value + epoch / 8})


def begin(root, study="demo", seed=9, epochs=3, **changes):
    """Write a run that this process works on."""
    folder = RunFolder(root / study / "runs" / f"{seed:016x}")
    folder.claim()
    folder.write_config(configuration("gru", seed, **changes))
    folder.write_env({"gpu": ["A100"], "visible_gpus": "3"})
    log(folder, range(1, epochs + 1))
    return folder


@pytest.fixture
def root(tmp_path):
    """Write a study of two complete runs, one that failed and one that is planned."""
    runs = tmp_path / "demo" / "runs"
    for seed in (0, 1):
        write_run(runs, configuration("lstm", seed), name=f"{seed}" * 16)
    write_run(runs, configuration("gru", 0), state="FAILED", reason="no memory", name="f" * 16)
    entry = {"id": "a" * 16, "label": "seed=7", "words": [], "origin": ""}
    (runs.parent / "plan-0.json").write_text(json.dumps({"schema": 1, "runs": [entry]}))
    return tmp_path


@pytest.fixture
def now(monkeypatch):
    """Look again at every request."""
    monkeypatch.setattr("gatekit.compare.live.watching.LEAST", 0.0)
    monkeypatch.setattr("gatekit.compare.live.watching.REST", 0)
    monkeypatch.setattr("gatekit.compare.live.reports.LEAST", 0.0)
    monkeypatch.setattr("gatekit.compare.live.reports.REST", 0)


@contextlib.contextmanager
def serving(root):
    with Server(root, 0) as found:
        threading.Thread(target=found.serve_forever, args=(0.01,), daemon=True).start()
        yield found
        found.shutdown()


def ask(found, path, method="GET", host=None, body=None, tag=None):
    port = found.server_address[1]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {} if host is None else {"Host": host}
    headers |= {} if tag is None else {"If-None-Match": tag}
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, data, answer.headers


def test_the_overview_has_states_progress_and_places(root):
    begin(root)
    found = LiveStudies(root).overview()
    (study,) = found["studies"]
    states = {"COMPLETED": 2, "FAILED": 1, "PLANNED": 1, "RUNNING": 1}
    assert (study["study"], study["states"]) == ("demo", states)
    (run,) = study["running"]
    assert (run["label"], run["seed"]) == ("gru", 9)
    assert (run["epoch"], run["epochs"], run["metric"]) == (3, 40, "nll")
    assert run["validation"] == pytest.approx(8.375)
    assert (run["pid"], run["device"]) == (os.getpid(), "GPU 3")
    assert 60 < run["seconds_left"] <= 74
    assert study["seconds_left"] > run["seconds_left"], "one run has not begun"


def test_a_run_that_ends_is_no_longer_running(root, now):
    folder = begin(root)
    watching = LiveStudies(root)
    assert [run["seed"] for run in watching.study("demo")["running"]] == [9]
    folder.status("FAILED", "a <b>reason</b>")
    found = watching.study("demo")
    assert (found["running"], found["states"]["FAILED"]) == ([], 2)
    (root / "demo" / "runs" / ("1" * 16)).rename(root / "away")
    assert watching.study("demo")["states"]["COMPLETED"] == 1


def written(watching, study="demo"):
    """Return the progress of a study after its report was written."""
    watching.study(study)
    watching._study(study).report.wait()
    return watching.study(study)


def test_the_overview_has_the_answer_and_no_report_is_written_for_it(root):
    for seed in range(5):
        for cell, mean in (("lstm", 8.6), ("gru", 8.5)):
            write_run(root / "new" / "runs", configuration(cell, seed), mean + seed % 3 / 99)
    watching = LiveStudies(root)
    found = written(watching, "new")
    assert found["answer"].startswith("Nothing is shown: gru is not told apart from lstm")
    assert (found["best"], found["score"]) == ("gru", "test nll 8.51")
    assert found["changed"].startswith("20")
    assert found["report"] == ""
    # While runs are missing, no group is named.
    assert written(watching)["best"] == ""


def test_the_report_is_written_again_when_a_run_ends_and_not_before(root, now):
    folder = begin(root)
    watching = LiveStudies(root)
    report = watching.report("demo")
    first = written(watching)["report"]
    assert f'content="{first}"'.encode() in report.html
    log(folder, [4])
    assert written(watching)["report"] == first, "a new epoch ends no run"
    folder.status("FAILED", "no memory")
    assert written(watching)["report"] != first


def test_a_report_is_not_written_again_within_its_rest(root, monkeypatch):
    monkeypatch.setattr("gatekit.compare.live.watching.LEAST", 0.0)
    monkeypatch.setattr("gatekit.compare.live.watching.REST", 0)
    monkeypatch.setattr("gatekit.compare.live.reports.LEAST", 1e9)
    folder = begin(root)
    watching = LiveStudies(root)
    watching.report("demo")
    first = written(watching)["report"]
    folder.status("FAILED", "no memory")
    assert (written(watching)["report"], bool(first)) == (first, True)


# -- what is refused ---------------------------------------------------------------------------


def test_the_page_is_served_with_a_policy(root):
    with serving(root) as found:
        files = ("/live.js", "/live.css", "/report.css")
        for path in ("/", "/study/demo", *files, "/api/studies"):
            status, data, headers = ask(found, path)
            assert (status, bool(data)) == (200, True)
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
            assert "unsafe" not in policy
            assert headers["X-Content-Type-Options"] == "nosniff"
        assert ask(found, "/api/study/demo", "HEAD")[:2] == (200, b"")
        page = ask(found, "/")[1].decode()
        assert not re.search(r"<script(?! src=)|<style| on\w+=|style=", page)


def test_the_report_is_served_with_its_own_policy_and_a_tag(root):
    with serving(root) as found:
        ask(found, "/study/demo")
        written(found.watching)
        status, data, headers = ask(found, "/study/demo")
        assert (status, b'<div id="now">' in data) == (200, True)
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'sha256-")
        assert "connect-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["Cache-Control"] == "no-cache"
        again = ask(found, "/study/demo", tag=headers["ETag"])
        assert again[:2] == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/study/..",
        "/study/%2e%2e",
        "/api/study/..%2f..%2fetc",
        "/api/study/demo/../demo",
        "/api/study/%00",
        "/api/study/",
        "/api/study/demo%0d%0aX:%20y",
        "/live.py",
        "/demo/runs",
        "//demo",
        "/study/" + "x" * 5000,
        "/api/study/" + quote("<script>alert(1)</script>"),
        "file:///etc/passwd",
    ],
)
def test_no_path_of_a_url_reaches_the_disk(root, path):
    with serving(root) as found:
        status, data, headers = ask(found, path)
        assert status == 404
        assert data == b"there is no such page or study\n"
        assert headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example:80", "localhost.evil", "[::1]x", "", "10.0.0.1"],
)
def test_another_host_is_refused(root, host):
    with serving(root) as found:
        assert ask(found, "/api/studies", host=host)[0] == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:9", "127.0.0.1:8850", "LOCALHOST:1"])
def test_this_machine_is_answered_through_a_tunnel_too(root, host):
    with serving(root) as found:
        assert ask(found, "/api/studies", host=host)[0] == 200


def test_a_request_without_a_host_or_with_two_is_refused(root):
    with serving(root) as found:
        for lines in ("", "Host: localhost\r\nHost: localhost\r\n"):
            with socket.create_connection(found.server_address, timeout=60) as one:
                one.sendall(f"GET / HTTP/1.0\r\n{lines}\r\n".encode())
                assert b" 403 " in one.recv(100)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "ODD"])
def test_other_methods_are_refused(root, method):
    with serving(root) as found:
        status, _, headers = ask(found, "/api/studies", method, body=b"x")
        assert (status, headers["Allow"]) == (405, "GET, HEAD")


def test_it_listens_on_this_machine_only(root):
    with serving(root) as found:
        assert found.server_address[0] == "127.0.0.1"


def test_hostile_labels_reach_the_page_as_escaped_text(root):
    for seed, text in enumerate(HOSTILE):
        folder = begin(root, "hostile", seed, task__name=text)
        (folder.path / "config.yaml").write_text(
            yaml.safe_dump(configuration("gru", seed, task__name=text, cell__name=text))
        )
    with serving(root) as found:
        _, data, headers = ask(found, "/api/study/hostile")
        assert headers["Content-Type"].startswith("application/json")
        running = json.loads(data)["running"]
        assert len(running) == len(HOSTILE)
        for run in running:
            for text in (run["label"], run["task"]):
                assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e]", text)


def test_what_leads_out_of_the_folder_is_not_served(root, tmp_path_factory):
    away = tmp_path_factory.mktemp("away")
    write_run(away / "secret" / "runs", configuration(), name="e" * 16)
    (root / "linked").symlink_to(away / "secret")
    os.mkfifo(root / "pipe")
    (root / "loop").symlink_to(root / "loop")
    with serving(root) as found:
        names = [one["study"] for one in json.loads(ask(found, "/api/studies")[1])["studies"]]
        assert names == ["demo"]
        assert ask(found, "/api/study/linked")[0] == 404


@pytest.mark.parametrize("instead", ["fifo", "huge", "zeros", "folder", "link"])
def test_strange_files_of_a_running_run_harm_no_other(root, instead):
    path = begin(root).path / "metrics.jsonl"
    path.unlink()
    if instead == "fifo":
        os.mkfifo(path)
    elif instead == "huge":
        path.touch()
        os.truncate(path, 2**40)
    elif instead == "zeros":
        path.write_bytes(b"\0" * 3_000_000)
    elif instead == "folder":
        path.mkdir()
    else:
        path.symlink_to("/etc/passwd")
    found = LiveStudies(root).study("demo")
    assert found["states"] == {"COMPLETED": 2, "FAILED": 1, "PLANNED": 1, "RUNNING": 1}
    assert [run["epoch"] for run in found["running"]] == [0]


def test_a_study_that_cannot_be_read_is_shown_with_the_reason(root):
    folder = root / "demo" / "runs" / ("0" * 16)
    from .synthetic import sealed

    newer = {"schema": 99, "state": "COMPLETED", "files": {}}
    (folder / "result.json").write_text(sealed(newer))
    begin(root, "other")
    found = {one["study"]: one for one in LiveStudies(root).overview()["studies"]}
    assert "newer gatekit" in found["demo"]["error"]
    assert found["other"]["error"] is None


# -- the command -------------------------------------------------------------------------------


def test_a_folder_without_studies_is_an_empty_page(tmp_path):
    assert LiveStudies(tmp_path).overview()["studies"] == []
    with pytest.raises(RunError, match=r"there is no folder .*--root FOLDER"):
        Server(tmp_path / "none", 0)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none(tmp_path, port):
    with pytest.raises(ConfigError, match="a port is a number from 0"):
        Server(tmp_path, port)


def test_a_busy_port_has_a_remedy(tmp_path, capsys):
    with serving(tmp_path) as found:
        port = str(found.server_address[1])
        assert main(["serve", "--root", str(tmp_path), "--port", port]) == 2
        printed = capsys.readouterr().err
        assert f"port {port} cannot be used (Address already in use); type --port 0" in printed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_ends_cleanly(root, number):
    processes.heed_signals()
    words = ["serve", "--root", str(root), "--port", "0"]
    code = f"import sys; from gatekit.cli.main import main; sys.exit(main({words}))"
    with processes.started(
        ["nohup", sys.executable, "-c", code], stdout=-1, stderr=-1, text=True
    ) as process:
        line = process.stdout.readline()
        address = re.match(r"http://127\.0\.0\.1:(\d+)/", line)
        assert address, line
        connection = http.client.HTTPConnection("127.0.0.1", int(address[1]), timeout=60)
        connection.request("GET", "/api/studies")
        assert json.loads(connection.getresponse().read())["studies"][0]["study"] == "demo"
        process.send_signal(number)
        assert process.wait(processes.PATIENCE) == 0
        assert "Traceback" not in process.stderr.read()


def test_at_most_so_many_requests_at_once(root, monkeypatch):
    monkeypatch.setattr(server, "AT_ONCE", 2)
    monkeypatch.setattr(server, "RECEIVE", 1e9)
    with serving(root) as found:
        idle = [socket.create_connection(found.server_address) for _ in range(2)]
        end = time.monotonic() + 60
        while found._places._value and time.monotonic() < end:
            time.sleep(0.01)
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
            ask(found, "/")
        for one in idle:
            one.close()


def test_connections_that_send_a_byte_now_and_then_do_not_shut_the_page(root, monkeypatch):
    monkeypatch.setattr(server, "AT_ONCE", 3)
    monkeypatch.setattr(server, "RECEIVE", 0.5)
    with serving(root) as found:
        slow = [socket.create_connection(found.server_address) for _ in range(3)]
        end, answer = time.monotonic() + 60, None
        while answer is None and time.monotonic() < end:
            for one in slow:
                with contextlib.suppress(OSError):
                    one.send(b"G")
            with contextlib.suppress(http.client.HTTPException, OSError):
                answer = ask(found, "/api/studies")
            time.sleep(0.05)
        assert answer is not None
        assert answer[0] == 200
        for one in slow:
            one.close()
