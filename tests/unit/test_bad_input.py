"""Bad input through the public names and through the command: told by path, value and what is allowed, before NEURON is
started, and without a trace left behind."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

import hnnlib as hn
from hnnlib.cli.main import main

EVOKED = {"mu": 30.0, "sigma": 2.0, "numspikes": 1, "location": "proximal"}
WEIGHTS = {"weights_ampa": {"L5_pyramidal": 0.01}}
CONNECTION = ("L2_pyramidal", "L5_pyramidal", "proximal", "ampa", 0.001, 1.0, 3.0)


@pytest.fixture
def net():
    return hn.neymotin_2020_model(add_drives_from_params=True, mesh_shape=(3, 3))


@pytest.fixture
def hnnlib(capsys):
    """Run the command: words -> (exit code, what it said)."""

    def run(*words):
        try:
            code = main(list(words))
        except SystemExit as leaving:  # argparse's way out
            code = leaving.code
        out, err = capsys.readouterr()
        return code, out + err

    return run


def connect(net, **changes):
    names = ("src_gids", "target_gids", "loc", "receptor", "weight", "delay", "lamtha")
    return net.add_connection(**{**dict(zip(names, CONNECTION, strict=True)), **changes})


def evoked(net, **changes):
    return net.add_evoked_drive("mine", **{**EVOKED, **WEIGHTS, **changes})


def put(path, value):
    return lambda net: net.put(path, value)


# what is done -> what the error must say: where, the value, what is allowed, the nearest name
EDITS = {
    "receptor of a connection": (
        lambda net: connect(net, receptor="amap"),
        "receptor: 'amap' is no receptor of L5_pyramidal",
        "has ampa, nmda, gabaa, gabab",
        "did you mean 'ampa'?",
    ),
    "receptor by path": (
        put("connections.0.receptor", "amap"),
        "connections[0].receptor: 'amap'",
        "did you mean 'ampa'?",
    ),
    "receptor of a drive": (
        put("drives.evprox1.weights.L5_pyramidal.amap", 0.1),
        "weights['L5_pyramidal']: 'amap' is no receptor of L5_pyramidal",
        "did you mean 'ampa'?",
    ),
    "section of a connection": (
        lambda net: connect(net, loc="apical_tuff"),
        "location: 'apical_tuff'",
        "apical_trunk",
        "did you mean 'apical_tuft'?",
    ),
    "location of a drive": (
        lambda net: evoked(net, location="proximl"),
        "drives['mine'].location: 'proximl'",
        "has proximal, distal",
        "did you mean 'proximal'?",
    ),
    "location that a target lacks": (
        lambda net: evoked(net, location="distal", weights_ampa={"L5_basket": 0.1}),
        "drives['mine'].location: 'distal' has no section in L5_basket",
        "has proximal, soma",
    ),
    "section of a bias": (
        lambda net: net.add_tonic_bias(amplitude={"L5_pyramidal": 0.1}, section="some"),
        "biases['tonic']['L5_pyramidal'].section: 'some'",
        "did you mean 'soma'?",
    ),
    "cell type of a source": (
        lambda net: connect(net, src_gids="L2_pyramdal"),
        "src_gids: 'L2_pyramdal' is no cell type (has L2_basket, L2_pyramidal, L5_basket, L5_pyramidal)",
        "did you mean 'L2_pyramidal'?",
    ),
    "cell type of a drive": (
        lambda net: evoked(net, weights_ampa={"L5_pyramdal": 0.1}),
        "drives['mine'].weights: 'L5_pyramdal' is no cell type",
        "did you mean 'L5_pyramidal'?",
    ),
    "cell type of a bias": (
        lambda net: net.add_tonic_bias(amplitude={"L2_baskt": 0.1}),
        "biases['tonic']: 'L2_baskt' is no cell type",
        "did you mean 'L2_basket'?",
    ),
    "gids of two cell types": (
        lambda net: connect(net, src_gids=[0, 5]),
        "src_gids: [0, 5] must be gids of one cell type",
        "L2_basket 0 to 2",
    ),
    "no gids": (lambda net: connect(net, target_gids=5.5), "target_gids: 5.5 must be a cell type, a gid"),
    "negative sigma": (lambda net: evoked(net, sigma=-1), "drives['mine'].sigma: -1 must be >= 0 ms"),
    "negative sigma by path": (put("drives.evprox1.sigma", -1.5), "drives.evprox1.sigma: -1.5 must be >= 0 ms"),
    "negative sigma by view": (
        lambda net: net.external_drives["evprox1"]["dynamics"].update(sigma=-1),
        "drives.evprox1.sigma: -1 must be >= 0 ms",
    ),
    "misspelt dynamics": (
        lambda net: net.external_drives["evprox1"]["dynamics"].update(sigm=1),
        "'sigm' is no name (has mu, sigma, numspikes)",
        "did you mean 'sigma'?",
    ),
    "NaN weight of a connection": (lambda net: connect(net, weight=math.nan), "weight: nan must be a finite number"),
    "NaN weight of a drive": (
        lambda net: evoked(net, weights_ampa={"L5_pyramidal": math.nan}),
        "drives['mine'].weights['L5_pyramidal']['ampa']: nan must be a finite number",
    ),
    "NaN weight by view": (
        lambda net: net.connectivity[0]["nc_dict"].update(A_weight=math.nan),
        "connections.0.weight: nan must be a finite number",
    ),
    "negative weight": (lambda net: connect(net, weight=-1.0), "weight: -1.0 must be >= 0 µS"),
    "negative delay": (lambda net: connect(net, delay=-1.0), "delay: -1.0 must be >= 0 ms"),
    "no space constant": (lambda net: connect(net, lamtha=0.0), "0.0 must be > 0 grid units"),
    "probability above 1": (lambda net: connect(net, probability=1.5), "probability: 1.5 must be > 0 and <= 1"),
    "threshold that is no number": (lambda net: connect(net, threshold="x"), "threshold: 'x' must be a number in mV"),
    "name of a drive that exists": (
        lambda net: net.add_evoked_drive("evprox1", **EVOKED, **WEIGHTS),
        "name: 'evprox1' is the name of a drive already",
    ),
    "delays for other targets": (
        lambda net: evoked(net, synaptic_delays={"L2_basket": 1.0}),
        "drives['mine'].delays: ['L2_basket'] must have exactly the targets ['L5_pyramidal']",
    ),
    "negative rate": (
        lambda net: net.add_poisson_drive("mine", rate_constant=-1, location="distal", **WEIGHTS),
        "drives['mine'].rate: -1 must be > 0 Hz",
    ),
    "drive that ends before it starts": (
        lambda net: net.add_poisson_drive("mine", rate_constant=1, tstart=9, tstop=5, location="distal", **WEIGHTS),
        "drives['mine'].tstop: 5.0 must be >= tstart (9 ms)",
    ),
    "bursts that overlap": (
        lambda net: net.add_bursty_drive("mine", burst_rate=100.0, numspikes=3, location="distal", **WEIGHTS),
        "drives['mine'].spike_isi: 10.0",
        "100 Hz",
    ),
    "spikes before 0": (
        lambda net: net.add_spike_train_drive("mine", spike_data={"a": [1, -2]}, location="distal", **WEIGHTS),
        "drives['mine'].trains[0][1]: -2.0 must be a finite time >= 0 ms",
    ),
    "spikes that are none": (
        lambda net: net.add_spike_train_drive("mine", spike_data=[1, 2], location="distal", **WEIGHTS),
        "spike_data: [1, 2] must hold pairs (time, source)",
    ),
    "spikes of a file that is not there": (
        lambda net: net.add_spike_train_drive("mine", spike_data="no_spikes.txt", location="distal", **WEIGHTS),
        "no_spikes.txt",
    ),
    "clamp on no cell type": (
        lambda net: net.add_current_clamp("mine", ["L5_pyramdal"], amplitude=1.0),
        "current_clamps['mine'].cells: 'L5_pyramdal' is no cell type",
        "did you mean 'L5_pyramidal'?",
    ),
    "clamp on a section that cells lack": (
        lambda net: net.add_current_clamp("mine", ["L5_pyramidal", "L2_basket"], amplitude=1.0, section="apical_tuft"),
        "current_clamps['mine'].section: 'apical_tuft' is no section of L2_basket (has soma)",
    ),
    "clamp with a misspelt section": (
        lambda net: net.add_current_clamp("mine", "L5_pyramidal", amplitude=1.0, section="apical_tuff"),
        "current_clamps['mine'].section: 'apical_tuff' is no section of L5_pyramidal",
        "did you mean 'apical_tuft'?",
    ),
    "clamp of unequal lengths": (
        lambda net: net.add_current_clamp("mine", 0, amplitude=[1, 2], delay=[1, 2, 3], duration=[5, 5]),
        "current_clamps['mine']: {'amplitude': '2 in a list', 'delay': '3 in a list', 'duration': '2 in a list'}",
        "must all be one value each, or lists of equal length",
    ),
    "clamp for a negative time": (
        lambda net: net.add_current_clamp("mine", 0, amplitude=[1, 2], delay=[1, 2], duration=[5, -5]),
        "current_clamps['mine'].duration[1]: -5 must be >= 0 ms",
    ),
    "clamp of NaN": (
        lambda net: net.add_current_clamp("mine", 0, amplitude=math.nan),
        "current_clamps['mine'].amplitude: nan must be a finite number",
    ),
    "forced events of a receptor that is none": (
        lambda net: net.add_synaptic_events("mine", [5.0], receptor="amap"),
        "synaptic_events['mine'].receptor: 'amap' is no receptor of any cell",
        "did you mean 'ampa'?",
    ),
    "forced events before 0": (
        lambda net: net.add_synaptic_events("mine", [5.0, -1.0]),
        "synaptic_events['mine'].times[1]: -1.0 must be >= 0 ms",
    ),
    "forced events where nothing is connected": (
        lambda net: net.add_synaptic_events("mine", [5.0], pre="L5_pyramidal", post="L2_pyramidal"),
        "synaptic_events['mine']: {'pre': {'L5_pyramidal': None}, 'post': {'L2_pyramidal': None}, 'receptor': None}",
        "matches no connection between cells",
    ),
    "forced events from a drive": (
        lambda net: net.add_synaptic_events("mine", [5.0], pre="evprox1"),
        "synaptic_events['mine'].pre: 'evprox1' is a drive; it must be a cell type",
    ),
    "forced events of a file that is not there": (
        lambda net: net.add_synaptic_events("mine", "no_times.txt"),
        "no_times.txt",
    ),
    "electrode that is no point": (
        lambda net: net.add_electrode_array("mine", [(1, 2)]),
        "electrodes['mine'].positions[0]: (1, 2) must be three numbers",
    ),
    "electrode nowhere": (lambda net: net.add_electrode_array("mine", 5), "electrodes['mine'].positions: 5"),
    "electrode at NaN": (
        lambda net: net.add_electrode_array("mine", (0, 0, math.nan)),
        "electrodes['mine'].positions[0]: (0, 0, nan) must be three finite numbers",
    ),
    "electrode method": (
        lambda net: net.add_electrode_array("mine", (0, 0, 0), method="pas"),
        "electrodes['mine'].method: 'pas'",
        "did you mean 'psa'?",
    ),
    "negative gain": (lambda net: net.set_global_synaptic_gains(i_e=2.0, e_e=-1), "e_e.gain: -1 must be >= 0"),
    "cells on one spot": (lambda net: net.set_cell_positions(inplane_distance=0), "inplane_distance: 0 must be > 0 µm"),
    "cells nowhere": (
        lambda net: net.add_cell_type("mine", net.spec.populations["L2_basket"].cell, [(0.0, 0.0)]),
        "cell_types['mine']",
        "(0.0, 0.0) must be three numbers",
    ),
    "path that is none": (put("drivs.evprox1.mu", 1.0), "'drivs'", "did you mean 'drives'?"),
    "index that is none": (put("connections.99.weight", 1.0), "connections: 99 must be an index below 16"),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_failed_edit_is_told_and_changes_nothing(net, name):
    edit, *told = EDITS[name]
    before = net.spec
    with pytest.raises(hn.HnnlibError) as caught:
        edit(net)
    for part in told:
        assert part in str(caught.value)
    assert net.spec is before


def test_every_way_of_adding_has_a_failing_case():
    adders = {name for name in dir(hn.Network) if name.startswith("add_")}
    called = {name for edit, *_ in EDITS.values() for name in edit.__code__.co_names}
    called |= {name for helper in (connect, evoked) for name in helper.__code__.co_names}
    assert adders <= called


RUNS = {
    "zero trials": ({"n_trials": 0}, "n_trials: 0 must be an integer >= 1"),
    "half a trial": ({"n_trials": 1.5}, "n_trials: 1.5 must be an integer >= 1"),
    "tstop below dt": ({"tstop": 0.01}, "tstop: 0.01 must be at least one time step (dt = 0.025 ms)"),
    "tstop NaN": ({"tstop": math.nan}, "tstop: nan must be a finite number"),
    "dt zero": ({"dt": 0.0}, "dt: 0.0 must be > 0 ms"),
    "dt negative": ({"dt": -0.025}, "dt: -0.025 must be > 0 ms"),
    "seed negative": ({"seed": -1}, "seed: -1 must be an integer >= 0"),
    "engine": (
        {"engine": "nuron"},
        f"engine: 'nuron' is no engine (has {', '.join(hn.ENGINES)}); did you mean 'neuron'?",
    ),
}


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("simulate", [hn.simulate, hn.simulate_dipole])
def test_runs_that_can_not_be(net, simulate, name):
    given, told = RUNS[name]
    with pytest.raises(hn.InvalidValue) as caught:
        simulate(net, **{"tstop": 10.0, **given})
    assert told in str(caught.value)
    assert net.cell_response is None


@pytest.mark.parametrize("name", RUNS)
def test_runs_that_can_not_be_by_command(hnnlib, name):
    given, told = RUNS[name]
    words = [word for key, value in given.items() for word in (f"--{key.replace('_', '-')}", str(value))]
    code, said = hnnlib("simulate", "default", "--mesh", "3x3", *words)
    assert code == 2
    # a number of trials that is none is found by the parser of arguments
    assert (told in said) or ("argument --n-trials: invalid int value: '1.5'" in said)


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (
            {"vsecs": "soma"},
            "record: 'vsecs' is no field of Record (has vsec, isec, ca, states, cells, cell_dipoles, every); "
            "did you mean 'vsec'?",
        ),
        ({"vsec": "smoa"}, "record.vsec: 'smoa'"),
        ({"isec": ["apical_tuff"]}, "did you mean 'apical_tuft'?"),
        ({"every": 0}, "record.every: 0 must be an integer >= 1"),
    ],
)
def test_recordings_that_can_not_be(net, record, told):
    with pytest.raises(hn.InvalidValue) as caught:
        hn.simulate(net, tstop=10.0, record=record)
    assert told in str(caught.value)


# ------------------------------------------------------------------------------------------------ parameter files


def default_text():
    return hn.param_file("default").read_text("utf-8")


FILES = {
    "misspelt key.json": (lambda t: t.replace('"tstop"', '"tstp"'), "'tstp' is no parameter (did you mean 'tstop'?)"),
    "negative sigma.json": (
        lambda t: t.replace('"sigma_t_evprox_1": 2.47', '"sigma_t_evprox_1": -2.47'),
        "sigma_t_evprox_1: -2.47 must be a finite number >= 0 ms",
    ),
    "NaN weight.json": (
        lambda t: t.replace('"gbar_L2Pyr_L5Pyr": 0.00025', '"gbar_L2Pyr_L5Pyr": NaN'),
        "gbar_L2Pyr_L5Pyr: nan must be a finite number >= 0 µS",
    ),
    "truncated.json": (lambda t: t[:500], "not valid JSON (is the file cut off?)"),
    "truncated at a line.json": (lambda t: t[: t.index("\n", 500)], "not valid JSON (is the file cut off?)"),
    "empty.json": (lambda t: "", "is empty"),
    "key that is not ASCII.json": (lambda t: t.replace('"tstop"', '"tstöp"'), "'tstöp' is no parameter"),
    "Latin-1.json": (lambda t: t.replace('"default"', '"défaut"').encode("latin-1"), "is not text in UTF-8"),
    "value that is not ASCII.param": (lambda t: "tstop: 1٫7\n", "line 1: tstop: '1٫7' must be a finite number > 0 ms"),
    "zero trials.param": (lambda t: "N_trials: 0\n", "line 1: N_trials: 0 must be a whole number >= 1"),
}


@pytest.mark.parametrize("name", FILES)
def test_parameter_files_that_can_not_be_used(hnnlib, tmp_path, name):
    change, told = FILES[name]
    content = change(default_text())
    assert content != default_text()
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(hn.HnnlibError) as caught:
        hn.read_params(file)
    assert str(caught.value).startswith(str(file))
    assert told in str(caught.value)
    for command in ("simulate", "info"):
        code, said = hnnlib(command, str(file))
        assert code == 2
        assert told in said
        assert len(said.splitlines()) == 1


def test_text_that_is_not_ascii_is_fine_where_text_is_meant(tmp_path):
    file = tmp_path / "größe µ.json"
    file.write_text(default_text().replace('"sim_prefix": "default"', '"sim_prefix": "größe"'), "utf-8")
    assert hn.read_params(file)["sim_prefix"] == "größe"


@pytest.mark.parametrize("make", [hn.neymotin_2020_model, hn.law_2021_model, hn.calcium_model, hn.Network])
def test_a_misspelt_key_in_a_dict_is_told(make):
    with pytest.raises(hn.InvalidValue, match="'gbar_L2Pyr_L5Pry' is no parameter; did you mean 'gbar_L2Pyr_L5Pyr'"):
        make({"gbar_L2Pyr_L5Pry": 0.1})


# ------------------------------------------------------------------------------------------------ outputs


def writers(net):
    """What writes files: a name -> function of a path."""
    dipole = hn.Dipole([0.0, 1.0, 2.0], [0.0, 1.0, 0.0])
    spikes = hn.CellResponse(["a"], [[1.0]], [[0]], [["a"]])
    return {
        "simulate.h5": lambda path: hn.simulate(net, tstop=10.0, out=path),
        "result.h5": hn.Result(dipoles=[dipole], cell_response=spikes).write,
        "dipole.txt": dipole.write,
        "dipole.h5": dipole.write,
        "spikes_%d.txt": spikes.write,
        "params.json": hn.read_params(hn.param_file("default")).write,
    }


def test_a_folder_is_no_output(net, tmp_path):
    for name, write in writers(net).items():
        (tmp_path / name.replace("%d", "0")).mkdir()
        with pytest.raises(hn.OutputError, match="is a folder, not a file"):
            write(tmp_path / name)
        assert os.listdir(tmp_path / name.replace("%d", "0")) == []


def test_a_folder_is_no_output_of_the_command(hnnlib, tmp_path):
    (tmp_path / "run.h5").mkdir()
    code, said = hnnlib("simulate", "default", "--out", str(tmp_path / "run.h5"))
    assert (code, said) == (2, f"hnnlib: error: {tmp_path / 'run.h5'}: is a folder, not a file\n")


@pytest.fixture(params=["permission", "system"])
def read_only(request, tmp_path):
    """A folder that can't be written to: by its permissions, which root need not keep, or since nobody can."""
    if request.param == "system":
        if not Path("/proc/self").exists():
            pytest.skip("this system has no /proc")
        yield Path("/proc")
    else:
        if os.geteuid() == 0:
            pytest.skip("root may write to any folder")
        folder = tmp_path / "read-only"
        folder.mkdir()
        folder.chmod(0o500)
        yield folder
        folder.chmod(0o700)


def test_a_read_only_folder_is_no_place_for_output(net, read_only):
    for name, write in writers(net).items():
        with pytest.raises(hn.OutputError, match="can't be written to"):
            write(read_only / name)
        assert not [n for n in os.listdir(read_only) if name.split("_")[0].split(".")[0] in n]


def test_a_read_only_folder_is_no_place_for_output_of_the_command(hnnlib, read_only):
    for option, name in (("--out", "run.h5"), ("--figure", "run.png"), ("--dipoles", "dpl.txt")):
        code, said = hnnlib("simulate", "default", option, str(read_only / name))
        assert code == 2
        assert said.startswith(f"hnnlib: error: {read_only / name}: its folder '{read_only}' can't be written to")
        assert len(said.splitlines()) == 1


def test_a_cache_that_can_not_be_written_to(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HNNLIB_CACHE_DIR", str(tmp_path / "file" / "cache"))
    monkeypatch.delenv("HNNLIB_MECH_LIB", raising=False)
    with pytest.raises(hn.OutputError, match="HNNLIB_CACHE_DIR must name a folder that can be written to"):
        hn.mechanism_library()
    for words in (["compile"], ["simulate", "default", "--mesh", "3x3", "--tstop", "10"]):
        # in a process of its own: here an earlier test may have loaded what is compiled
        done = subprocess.run([sys.executable, "-m", "hnnlib", *words], capture_output=True, text=True)
        assert done.returncode == 2
        assert "HNNLIB_CACHE_DIR must name a folder that can be written to" in done.stderr
        assert "Traceback" not in done.stderr


# ------------------------------------------------------------------------------------------------ the real command

COMMANDS = (
    ("--set", "connections.0.receptor=amap"),
    ("--set", "connections.0.location=apical_tuff"),
    ("--set", "connections.0.source=L2_pyramdal"),
    ("--set", "drives.evprx1.mu=30"),
    ("--set", "drives.evprox1.sigma=-1"),
    ("--set", "connections.4.weight=NaN"),
    ("--n-trials", "0"),
    ("--tstop", "0.01"),
    ("--dt", "0"),
    ("--dt", "-0.025"),
    ("--record-vsec", "apical_tuff"),
    ("--out", "."),
)


def test_the_command_refuses_before_neuron_is_started(tmp_path):
    program = (
        "import contextlib, io, json, sys\n"
        "from hnnlib.cli.main import main\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    said = io.StringIO()\n"
        "    with contextlib.redirect_stderr(said):\n"
        "        code = main(['simulate', 'default', '--mesh', '3x3', '--tstop', '10', *words])\n"
        "    print(json.dumps([code, said.getvalue(), 'neuron' in sys.modules]))\n"
    )
    environment = {**os.environ, "HNNLIB_MECH_LIB": str(hn.param_file("default"))}  # any file: it must not be loaded
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(COMMANDS)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(COMMANDS)
    for words, (code, said, started) in zip(COMMANDS, answers, strict=True):
        assert (code, started) == (2, False), words
        value = words[1].rpartition("=")[2].lower()
        assert value in said.splitlines()[-1].lower(), words
        assert said.splitlines()[-1].startswith("hnnlib: error: ")
        assert "Traceback" not in said
    assert os.listdir(tmp_path) == []
