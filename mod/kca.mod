COMMENT
Calcium-activated potassium current of Reuveni et al. (1993, J Neurosci 13:4609-4621), as in Mainen & Sejnowski (1996,
Nature 382:363-366), with the temperature factor of the neocortical column of Jones et al. (2009, J Neurophysiol
102:3554-3572). The factor scales rates and conductance alike. Opens in proportion to the calcium concentration.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX kca
    USEION k READ ek WRITE ik
    USEION ca READ cai
    RANGE gbar
    RANGE ninf, ntau, tadj
}

UNITS {
    (mA) = (milliamp)
    (mV) = (millivolt)
    (mM) = (milli/liter)
    (pS) = (picosiemens)
    (um) = (micron)
}

PARAMETER {
    gbar = 0 (pS/um2)         : peak conductance before the temperature factor
}

STATE {
    n
}

ASSIGNED {
    v (mV)
    celsius (degC)
    ek (mV)
    cai (mM)
    ik (mA/cm2)
    ninf
    ntau (ms)
    tadj                      : temperature factor of rates and conductance
}

INITIAL {
    UNITSOFF
    tadj = 2.3^((celsius - 23 - 30.7)/10)
    UNITSON
    rates(cai)
    n = ninf
}

BREAKPOINT {
    LOCAL g
    SOLVE states METHOD cnexp
    : stated, so that NEURON need not find it by evaluating the current twice
    CONDUCTANCE g USEION k
    g = (1e-4)*tadj*gbar*n
    ik = g*(v - ek)
}

DERIVATIVE states {
    rates(cai)
    n' = (ninf - n)/ntau
}

PROCEDURE rates(calcium (mM)) {
    LOCAL a, b
    UNITSOFF
    a = 0.01*calcium
    b = 0.02
    ninf = a/(a + b)
    ntau = 1/(tadj*(a + b))
    UNITSON
}
