COMMENT
NMDA receptors: a conductance of two exponentials, as NEURON's Exp2Syn, of which magnesium leaves open what the voltage of the
segment allows (Jahr & Stevens 1990, J Neurosci 10:3178-3182).

The weight of an event is the peak of the conductance without magnesium. Rise and decay are linear and the block depends on
nothing but the voltage: synapses of one segment add up in one instance.
ENDCOMMENT

NEURON {
    THREADSAFE
    POINT_PROCESS NMDA
    NONSPECIFIC_CURRENT i
    RANGE tau1, tau2, e, mg, mg_half, slope, i, g
}

UNITS {
    (nA) = (nanoamp)
    (mV) = (millivolt)
    (uS) = (microsiemens)
    (mM) = (milli/liter)
}

PARAMETER {
    tau1 = 2 (ms)             : rise
    tau2 = 70 (ms)            : decay
    e = 0 (mV)                : reversal potential
    mg = 1 (mM)               : magnesium outside
    mg_half = 3.57 (mM)       : magnesium that blocks half at 0 mV
    slope = 0.062 (/mV)       : steepness of the block
}

STATE {
    A (uS)
    B (uS)
}

ASSIGNED {
    v (mV)
    i (nA)
    g (uS)                    : what is open
    factor                    : makes the peak of an event its weight
}

INITIAL {
    LOCAL tp
    if (tau1/tau2 > 0.9999) {
        tau1 = 0.9999*tau2
    }
    A = 0
    B = 0
    tp = (tau1*tau2)/(tau2 - tau1)*log(tau2/tau1)
    factor = 1/(exp(-tp/tau2) - exp(-tp/tau1))
}

BREAKPOINT {
    : no CONDUCTANCE statement: the current's slope is not g, as the block depends on v
    SOLVE state METHOD cnexp
    g = (B - A)/(1 + mg/mg_half*exp(-slope*v))
    i = g*(v - e)
}

DERIVATIVE state {
    A' = -A/tau1
    B' = -B/tau2
}

NET_RECEIVE (weight (uS)) {
    A = A + weight*factor
    B = B + weight*factor
}
