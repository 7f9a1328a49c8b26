COMMENT
Anomalous rectifier (h-type, non-specific cation current), gating as in Huguenard & McCormick (1992, J Neurophysiol
68:1373-1383), as used in layer 5 of the neocortical column of Jones et al. (2009, J Neurophysiol 102:3554-3572).

The rates are tabulated in 641 steps from -120 to 40 mV, as in the published model. m starts at 0.25, not at its steady
state.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX ar
    NONSPECIFIC_CURRENT i
    RANGE gbar, e
    RANGE minf, mtau
}

UNITS {
    (mA) = (milliamp)
    (mV) = (millivolt)
    (S) = (siemens)
}

PARAMETER {
    gbar = 0 (S/cm2)          : peak conductance
    e = -35 (mV)              : reversal potential
}

STATE {
    m
}

ASSIGNED {
    v (mV)
    i (mA/cm2)
    minf
    mtau (ms)
}

INITIAL {
    rates(v)
    m = 0.25
}

BREAKPOINT {
    LOCAL g
    SOLVE states METHOD cnexp
    : stated, so that NEURON need not find it by evaluating the current twice
    CONDUCTANCE g
    g = gbar*m
    i = g*(v - e)
}

DERIVATIVE states {
    rates(v)
    m' = (minf - m)/mtau
}

PROCEDURE rates(v (mV)) {
    TABLE minf, mtau FROM -120 TO 40 WITH 641
    UNITSOFF
    minf = 1/(1 + exp((v + 75)/5.5))
    mtau = 1/(exp(-14.6 - 0.086*v) + exp(-1.87 + 0.07*v))
    UNITSON
}
