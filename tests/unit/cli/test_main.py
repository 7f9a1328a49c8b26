"""The command as a whole: help, exit codes, how errors are told; `info` and `compile`."""

from __future__ import annotations

import logging
import os
import re
import shlex
import subprocess
import sys

import pytest

import hnnlib as hn
from hnnlib.cli.main import _parser


def command(*words, **more):
    environment = {**os.environ, **more.pop("env", {})}
    return subprocess.run(
        [sys.executable, "-m", "hnnlib", *words], capture_output=True, text=True, timeout=120, env=environment, **more
    )


HELPS = ([], ["simulate"], ["info"], ["compile"])


@pytest.mark.parametrize("words", HELPS, ids=lambda words: words[0] if words else "hnnlib")
def test_help_has_examples_that_parse_and_exit_codes(hnnlib, words):
    code, out, err = hnnlib(*words, "--help")
    assert (code, err) == (0, "")
    assert re.search(r"exit codes:\s+0 +done", out)
    examples = re.findall(r"^  (?:\w+=\S+ )?hnnlib ((?:simulate|info|compile).*)$", out, re.MULTILINE)
    assert len(examples) >= 2
    for example in examples:
        arguments = _parser().parse_args(shlex.split(re.sub(r" {2,}.*", "", example)))
        assert callable(arguments.run)


def test_the_exit_codes_of_the_help_are_those_of_main(hnnlib):
    listed = re.findall(r"^  (\d+) +\S", hnnlib("--help")[1], re.MULTILINE)
    assert listed == ["0", "1", "2", "130"]


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (hn.TrialFailed(3, "it diverged"), 1, "error: trial 3 failed: it diverged"),
        (hn.SimulationError("a worker died"), 1, "error: a worker died"),
        (hn.MechanismBuildError("no compiler:\n  install one"), 1, "error: no compiler:\n  install one"),
        (hn.InvalidValue("x", 1, "must be 2"), 2, "error: x: 1 must be 2"),
        (hn.OutputError("a.h5", "the disk is full"), 2, "error: a.h5: the disk is full"),
        (MemoryError("9 TiB"), 1, "error: not enough memory: 9 TiB"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_exit_codes(hnnlib, simulated, monkeypatch, error, code, told):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(hn, "simulate", fail)
    got, out, err = hnnlib("simulate", "default", "--quiet")
    assert (got, out, err) == (code, "", f"hnnlib: {told}\n")


def test_a_bug_keeps_its_traceback_and_asks_for_a_report(hnnlib, simulated, monkeypatch):
    monkeypatch.setattr(hn, "simulate", lambda *args, **kwargs: {}["surprise"])
    code, _, err = hnnlib("simulate", "default", "--quiet")
    assert code == 1
    assert err.startswith("Traceback")
    assert "KeyError: 'surprise'" in err
    assert re.fullmatch(r"hnnlib: this is a bug in hnnlib \S+; please report it with .*", err.splitlines()[-1])


def test_what_the_library_tells_names_options_of_the_command(hnnlib, simulated, monkeypatch):
    def stop(*args, **kwargs):
        logging.getLogger("hnnlib").warning("%d of 5 trials are kept in run.h5; resume=True runs the missing ones", 2)
        raise hn.TrialFailed(2, "it diverged")

    monkeypatch.setattr(hn, "simulate", stop)
    code, _, err = hnnlib("simulate", "default", "--out", "run.h5")
    assert code == 1
    assert err.splitlines()[1:] == [
        "hnnlib: 2 of 5 trials are kept in run.h5; --resume runs the missing ones",
        "hnnlib: error: trial 2 failed: it diverged",
    ]
    assert "kept" not in hnnlib("simulate", "default", "--out", "run.h5", "--quiet")[2]


@pytest.mark.parametrize("words", [[], ["simulat"], ["simulate"], ["simulate", "default", "--no-such-option"]])
def test_mistakes_in_the_arguments_are_one_line(hnnlib, words):
    code, out, err = hnnlib(*words)
    assert (code, out) == (2, "")
    assert re.fullmatch(r"hnnlib: error: .* \(see hnnlib( simulate)? --help\)\n", err)


def test_module_and_version():
    done = command("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"hnnlib {hn.__version__}\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_a_reader_that_leaves_is_no_error():
    line = f"{{ sleep 0.3; {shlex.quote(sys.executable)} -m hnnlib info default; echo $? >&2; }} | true"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=120)
    assert done.stderr.split() == ["141"]


# ------------------------------------------------------------------------------------------------ info


def test_info_tells_versions_without_starting_neuron(tmp_path):
    code = "import sys; from hnnlib.cli.main import main; main(['info']); print('neuron' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "HNNLIB_CACHE_DIR": str(tmp_path / "cache")},
    )
    assert done.returncode == 0, done.stderr
    *lines, started = done.stdout.splitlines()
    facts = dict(re.split(r" {2,}", line, maxsplit=1) for line in lines)
    assert started == "False"
    assert facts["hnnlib"].startswith(hn.__version__)
    assert facts["Python"].startswith(".".join(map(str, sys.version_info[:3])))
    assert facts["numpy"][0].isdigit()
    assert facts["engines"] == ", ".join(hn.ENGINES)
    assert facts["launchers"] == ", ".join(hn.LAUNCHERS)
    assert "default.json" in facts["parameter files"]
    assert facts["mechanisms"].startswith("not compiled yet; ")
    assert str(tmp_path / "cache") in facts["mechanisms"]
    assert not (tmp_path / "cache").exists()


def test_info_tells_what_is_missing(hnnlib, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    (tmp_path / "library.so").write_text("x")
    monkeypatch.setenv("HNNLIB_MECH_LIB", str(tmp_path / "library.so"))
    code, out, _ = hnnlib("info")
    assert code == 0
    assert "none found: install one, e.g. apt-get install g++; lacks make and bash" in out
    assert f"compiled: {tmp_path / 'library.so'}" in out


def test_info_of_a_parameter_file_names_what_set_takes(hnnlib):
    code, out, err = hnnlib("info", "default", "--mesh", "3x3", "--set", "drives.evprox1.mu=31.5")
    assert (code, err) == (0, "")
    assert "170 ms, 1 trial, dt 0.025 ms" in out
    assert re.search(r"^L5_pyramidal +9 +5 +9 +measured$", out, re.MULTILINE)
    assert re.search(r"^4 +L2_basket +L2_pyramidal +soma +gabaa +0\.05 +1 +50$", out, re.MULTILINE)
    assert re.search(r"^evprox1 +evoked +proximal +24 +1 spike at 31.5 ± 2.47 ms$", out, re.MULTILINE)
    assert re.search(r"^evprox1 +L5_basket +ampa 0.19934, nmda 0 +1$", out, re.MULTILINE)
    spec = hn.neymotin_2020_model(add_drives_from_params=True).spec
    examples = re.findall(r"--set (\S+?)=", out)
    assert len(examples) == 2
    for path in examples:
        assert isinstance(hn.get_at(spec, path), float)


def test_info_of_every_kind_of_drive_and_bias(hnnlib, tmp_path):
    lines = ["tstop: 300.", "t0_input_prox: 50.", "tstop_input_prox: 250.", "T_pois: 200.", "t0_pois: 10."]
    lines += ["Itonic_A_L5Pyr_soma: 0.2", "Itonic_t0_L5Pyr_soma: 5.", "Itonic_T_L5Pyr_soma: -1."]
    (tmp_path / "all.param").write_text("\n".join(lines))
    code, out, err = hnnlib("info", "all.param")
    assert (code, err) == (0, "")
    assert "2-spike bursts, 10 Hz, 50 ms to 250 ms" in out
    assert "Poisson, 1 Hz, 10 ms to 200 ms" in out
    assert re.search(r"^tonic +L5_pyramidal +soma +0\.2 +5 +end$", out, re.MULTILINE)


def test_info_of_a_result(hnnlib, simulated):
    assert hnnlib("simulate", "default", "--n-trials", "2", "--quiet", "--out", "run.h5")[0] == 0
    code, out, err = hnnlib("info", "run.h5")
    assert (code, err) == (0, "")
    assert out.startswith("2 trials; 0 to 170 ms")
    assert re.search(r"^engine +stand-in$", out, re.MULTILINE)


def test_info_of_a_result_that_lacks_trials(hnnlib):
    run = {"tstop": 1.0, "dt": 0.5, "n_trials": 30}
    provenance = {"trials": [0, 1, 2, 8], "run": run}
    spikes = hn.CellResponse(["cell"], [[]] * 4, [[]] * 4, [[]] * 4, [0.0, 0.5, 1.0])
    hn.Result(dipoles=[], cell_response=spikes, provenance=provenance).write("run.h5")
    code, out, err = hnnlib("info", "run.h5")
    assert code == 0
    assert err == (
        "hnnlib: warning: run.h5: 4 of 30 trials: 0 to 2, 8; hnnlib simulate ... --resume runs the missing ones\n"
    )
    assert out.startswith("4 of 30 trials: 0 to 2, 8; 0 to 1 ms")
    assert re.search(r"^n_trials +30$", out, re.MULTILINE)
    assert re.search(r"^missing trials +3, 4, 5, 6, 7, 9, 10, .*, 23, …$", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["missing.h5"], "missing.h5"),
        (["missing.param"], "'missing.param' is no file here"),
        (["folder/missing.param"], "folder/missing.param: there is no such file"),
        (["defualt"], "'defualt' is no file here, and is no parameter file of the package"),
        (["text.h5"], "text.h5"),
        (["text.txt"], "text.txt: a parameter file ends in .json or .param, not '.txt'"),
    ],
)
def test_info_of_what_is_none_of_these(hnnlib, tmp_path, words, told):
    for name in ("text.h5", "text.txt"):
        (tmp_path / name).write_text("hello")
    code, out, err = hnnlib("info", *words)
    assert (code, out) == (2, "")
    assert told in err
    assert "Traceback" not in err


# ------------------------------------------------------------------------------------------------ compile


def test_compile_says_where_and_whether_it_was_there(hnnlib, monkeypatch, tmp_path):
    asked = []
    library = tmp_path / "libnrnmech.so"
    monkeypatch.setattr(hn, "compiled_library", lambda: library if asked else None)
    monkeypatch.setattr(hn, "mechanism_library", lambda again=False: asked.append(again) or library)
    code, out, _ = hnnlib("compile")
    assert code == 0
    assert re.fullmatch(rf"compiled in \d+ s: {re.escape(str(library))}\n", out)
    assert hnnlib("compile") == (0, f"already there: {library}\n", "")
    assert hnnlib("compile", "--force")[0] == 0
    assert asked == [False, True]


def test_compile_refuses_where_a_library_is_given(hnnlib, monkeypatch, tmp_path):
    (tmp_path / "library.so").write_text("x")
    monkeypatch.setenv("HNNLIB_MECH_LIB", str(tmp_path / "library.so"))
    assert hnnlib("compile") == (0, f"already there: {tmp_path / 'library.so'}\n", "")
    code, _, err = hnnlib("compile", "--force")
    assert code == 2
    assert "HNNLIB_MECH_LIB" in err
    assert "unset it" in err
