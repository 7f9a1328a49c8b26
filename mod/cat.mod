COMMENT
Low-threshold (T-type) calcium current, gating of Destexhe et al. (1998, J Neurosci 18:3574-3588), as used in layer 5
of the neocortical column of Jones et al. (2009, J Neurophysiol 102:3554-3572). There it is a non-specific current with a
fixed reversal potential and does not feed the calcium shell.

The rates are tabulated in 641 steps from -120 to 40 mV, as in the published model. m starts at 0, h at its steady state.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX cat
    NONSPECIFIC_CURRENT i
    RANGE gbar, e
    RANGE minf, mtau, hinf, htau
}

UNITS {
    (mA) = (milliamp)
    (mV) = (millivolt)
    (S) = (siemens)
}

PARAMETER {
    gbar = 0 (S/cm2)          : peak conductance
    e = 125 (mV)              : reversal potential
}

STATE {
    m
    h
}

ASSIGNED {
    v (mV)
    i (mA/cm2)
    minf
    hinf
    mtau (ms)
    htau (ms)
}

INITIAL {
    rates(v)
    m = 0
    h = hinf
}

BREAKPOINT {
    LOCAL g
    SOLVE states METHOD cnexp
    : stated, so that NEURON need not find it by evaluating the current twice
    CONDUCTANCE g
    g = gbar*m*m*h
    i = g*(v - e)
}

DERIVATIVE states {
    rates(v)
    m' = (minf - m)/mtau
    h' = (hinf - h)/htau
}

PROCEDURE rates(v (mV)) {
    TABLE minf, mtau, hinf, htau FROM -120 TO 40 WITH 641
    UNITSOFF
    minf = 1/(1 + exp((-v - 56)/6.2))
    mtau = 0.204 + 0.333/(exp((v + 15.8)/18.2) + exp((-v - 131)/16.7))
    hinf = 1/(1 + exp((v + 80)/4))
    if (v < -81) {
        htau = 0.333*exp((v + 466)/66.6)
    } else {
        htau = 9.32 + 0.333*exp((-v - 21)/10.5)
    }
    UNITSON
}
