"""One NEURON a process: loaded once, from a folder without surprises, and nothing foreign in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from hnnlib.base.errors import MechanismBuildError

pytestmark = pytest.mark.neuron


@pytest.fixture(scope="module")
def session():
    """The session of this process."""
    from hnnlib.backends.neuron.session import session

    return session()


@pytest.fixture
def folder_with_mechanisms(session, tmp_path):
    """A folder from which NEURON would load compiled mechanisms when it is imported."""
    import platform

    (tmp_path / platform.machine()).mkdir()
    shutil.copyfile(session.library, tmp_path / platform.machine() / "libnrnmech.so")
    return tmp_path


def run_in(folder, code):
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=120)


def test_all_threads_get_the_same_session(session):
    from hnnlib.backends.neuron.session import session as get

    with ThreadPoolExecutor(4) as pool:
        assert {id(s) for s in pool.map(lambda _: get(), range(8))} == {id(session)}


def test_a_run_starts_from_fixed_steps(session):
    session.cvode.active(1)
    session.h.secondorder = 2
    session.prepare(dt=0.05, celsius=30.0)
    assert (session.cvode.active(), session.h.secondorder, session.h.dt, session.h.celsius) == (0, 0, 0.05, 30.0)


def test_a_second_library_is_refused(session, tmp_path):
    with pytest.raises(MechanismBuildError, match=r"can't change to .*other\.so"):
        session.load(tmp_path / "other.so")


def test_what_lies_compiled_in_the_current_folder_is_not_loaded(folder_with_mechanisms):
    done = run_in(
        folder_with_mechanisms,
        "from hnnlib.backends.neuron.session import session; import os; print(session().library); print(os.getcwd())",
    )
    library, cwd = done.stdout.split()
    assert not library.startswith(str(folder_with_mechanisms))
    assert cwd == str(folder_with_mechanisms)
    assert done.stderr == ""


def test_foreign_mechanisms_of_the_same_name_are_named(folder_with_mechanisms):
    done = run_in(
        folder_with_mechanisms, "import neuron; from hnnlib.backends.neuron.session import session; session()"
    )
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert "MechanismBuildError: NEURON has loaded" in last
    assert str(folder_with_mechanisms) in last
    assert "hh2" in last


def test_a_file_that_is_no_library_is_refused(tmp_path):
    (tmp_path / "libnrnmech.so").write_text("not a library")
    code = (
        f"import os; os.environ['HNNLIB_MECH_LIB'] = {str(tmp_path / 'libnrnmech.so')!r}\n"
        "from hnnlib.backends.neuron.session import session; session()"
    )
    done = run_in(tmp_path, code)
    assert done.returncode == 1
    assert "MechanismBuildError: NEURON could not load" in done.stderr.strip().splitlines()[-1]
