: A leak that doubles slowly with depolarisation; its conductance is not stated
NEURON {
    SUFFIX slowleak
    NONSPECIFIC_CURRENT i
    RANGE g, e, half
}
UNITS {
    (mA) = (milliamp)
    (mV) = (millivolt)
    (S) = (siemens)
}
PARAMETER {
    g = 1e-4 (S/cm2)
    e = -70 (mV)
    half = -40 (mV)
}
ASSIGNED { v (mV) i (mA/cm2) }
STATE { w }
INITIAL { w = winf(v) }
BREAKPOINT {
    SOLVE states METHOD cnexp
    i = g*(1 + w)*(v - e)
}
DERIVATIVE states { w' = (winf(v) - w)/5 }
FUNCTION winf(v (mV)) { winf = 1/(1 + exp(-(v - half)/5)) }
