"""Current clamps as rows of the plan."""

from __future__ import annotations

import attrs

from hnnlib.compile.build import compile_plan
from hnnlib.plan.tables import digest_of
from hnnlib.spec.clamps import CurrentClamp
from hnnlib.spec.network import TonicBias
from hnnlib.spec.run import RunSpec

RUN = RunSpec(tstop=10.0)


def biases_of(network, **clamps):
    return compile_plan(attrs.evolve(network, current_clamps=clamps), RUN).biases


def test_one_row_for_each_cell_and_step(tiny_network):
    biases = biases_of(
        tiny_network,
        a=CurrentClamp(
            cells={"right": [2, 0], "left": [1]},
            amplitude=[0.1, -0.2],
            delay=[2, 4],
            duration=[1, None],
            section="dend",
        ),
        b=CurrentClamp(cells={"right": None}, amplitude=0.3, delay=7.0),
    )
    assert biases.gid.tolist() == [1, 1, 4, 4, 6, 6, 4, 5, 6]
    assert biases.section.tolist() == [1] * 6 + [0] * 3
    assert biases.amplitude_nA.tolist() == [0.1, -0.2] * 3 + [0.3] * 3
    assert biases.delay_ms.tolist() == [2.0, 4.0] * 3 + [7.0] * 3
    assert biases.duration_ms.tolist() == [1.0, 6.0] * 3 + [3.0] * 3  # without an end: to that of the run


def test_a_step_without_end_that_begins_after_the_run(tiny_network):
    assert biases_of(tiny_network, a=CurrentClamp(cells={"left": [0]}, amplitude=1, delay=12)).duration_ms.tolist() == [
        0
    ]


def test_steps_of_no_current_are_left_out(tiny_network):
    clamp = CurrentClamp(cells={"left": [0, 1]}, amplitude=[0, 1, 0], delay=[0, 1, 2], duration=[1, 1, 1])
    biases = biases_of(tiny_network, a=clamp)
    assert biases.amplitude_nA.tolist() == [1.0, 1.0]
    silent = CurrentClamp(cells={"left": None}, amplitude=0.0)
    assert len(biases_of(tiny_network, a=silent).gid) == 0


def test_clamps_come_after_biases_and_leave_them(tiny_network):
    network = attrs.evolve(tiny_network, biases={"on": {"left": TonicBias(amplitude=0.5, t0=1.0)}})
    biases = biases_of(network, a=CurrentClamp(cells={"right": [1]}, amplitude=1.0))
    assert biases.gid.tolist() == [0, 1, 2, 3, 5]
    assert biases.amplitude_nA.tolist() == [0.5] * 4 + [1.0]


def test_a_clamp_of_one_step_is_a_bias(tiny_network):
    for end in (None, 7.3):
        bias = TonicBias(amplitude=-0.5, t0=1.1, tstop=end, section="dend")
        clamp = CurrentClamp(
            cells={"left": None}, amplitude=-0.5, delay=1.1, duration=None if end is None else end - 1.1, section="dend"
        )
        by_bias = compile_plan(attrs.evolve(tiny_network, biases={"b": {"left": bias}}), RUN)
        by_clamp = compile_plan(attrs.evolve(tiny_network, current_clamps={"c": clamp}), RUN)
        assert digest_of(by_bias) == digest_of(by_clamp)
