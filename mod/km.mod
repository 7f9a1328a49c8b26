COMMENT
Slow muscarinic (M-type) potassium current, as in Mainen & Sejnowski (1996, Nature 382:363-366), with the temperature
factor of the neocortical column of Jones et al. (2009, J Neurophysiol 102:3554-3572). The factor scales rates and
conductance alike.

The rates are tabulated in 199 steps from -120 to 100 mV: this coarse table belongs to the published model.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX km
    USEION k READ ek WRITE ik
    RANGE gbar
    RANGE ninf, ntau, tadj
}

UNITS {
    (mA) = (milliamp)
    (mV) = (millivolt)
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
    ik (mA/cm2)
    ninf
    ntau (ms)
    tadj                      : temperature factor of rates and conductance
}

INITIAL {
    : not in rates(), where the table would leave it unset in every instance but the first
    tadj = tempfactor(celsius)
    rates(v)
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
    rates(v)
    n' = (ninf - n)/ntau
}

PROCEDURE rates(v (mV)) {
    LOCAL a, b, x
    TABLE ninf, ntau DEPEND celsius FROM -120 TO 100 WITH 199
    UNITSOFF
    x = v + 30
    if (fabs(x) < 1e-6) {
        x = 1e-6
    }
    a = 0.001*x/(1 - exp(-x/9))
    b = -0.001*x/(1 - exp(x/9))
    ninf = a/(a + b)
    ntau = 1/(tempfactor(celsius)*(a + b))
    UNITSON
}

FUNCTION tempfactor(temperature (degC)) {
    UNITSOFF
    tempfactor = 2.3^((temperature - 23 - 30.7)/10)
    UNITSON
}
