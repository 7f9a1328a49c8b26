COMMENT
High-threshold calcium current of Reuveni et al. (1993, J Neurosci 13:4609-4621), as in Mainen & Sejnowski (1996, Nature
382:363-366), with the temperature factor of the neocortical column of Jones et al. (2009, J Neurophysiol
102:3554-3572). The factor scales rates and conductance alike.

The reversal potential is the Nernst potential of the calcium outside and inside, with the gas and Faraday constants that
the published model was run with (R = 8.3134, F = 96485.309); NEURON's own eca, made from newer constants, is not used.

The rates are tabulated in 199 steps from -120 to 100 mV: this coarse table belongs to the published model.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX ca
    USEION ca READ cai, cao WRITE ica
    RANGE gbar
    RANGE minf, mtau, hinf, htau, tadj, nernst_factor, eca
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
    m
    h
}

ASSIGNED {
    v (mV)
    celsius (degC)
    cai (mM)
    cao (mM)
    ica (mA/cm2)
    eca (mV)
    minf
    hinf
    mtau (ms)
    htau (ms)
    tadj                      : temperature factor of rates and conductance
    nernst_factor (mV)        : R T / (2 F)
}

INITIAL {
    : not in rates(), where the table would leave it unset in every instance but the first
    tadj = tempfactor(celsius)
    UNITSOFF
    nernst_factor = 1000*8.3134*(celsius + 273.15)/96485.309/2
    UNITSON
    eca = nernst_factor*log(cao/cai)
    rates(v)
    m = minf
    h = hinf
}

BREAKPOINT {
    LOCAL g
    SOLVE states METHOD cnexp
    : stated, so that NEURON need not find it by evaluating the current twice
    CONDUCTANCE g USEION ca
    g = (1e-4)*tadj*gbar*m*m*h
    ica = g*(v - eca)
}

DERIVATIVE states {
    : here and not in BREAKPOINT, as cai changes only now: cad, which writes it, goes before all that only read it
    eca = nernst_factor*log(cao/cai)
    rates(v)
    m' = (minf - m)/mtau
    h' = (hinf - h)/htau
}

PROCEDURE rates(v (mV)) {
    LOCAL a, b, x, phi
    TABLE minf, mtau, hinf, htau DEPEND celsius FROM -120 TO 100 WITH 199
    UNITSOFF
    phi = tempfactor(celsius)
    x = -27 - v
    if (fabs(x) < 1e-6) {
        x = 1e-6
    }
    a = 0.055*x/(exp(x/3.8) - 1)
    b = 0.94*exp((-75 - v)/17)
    minf = a/(a + b)
    mtau = 1/(phi*(a + b))
    a = 0.000457*exp((-13 - v)/50)
    b = 0.0065/(exp((-v - 15)/28) + 1)
    hinf = a/(a + b)
    htau = 1/(phi*(a + b))
    UNITSON
}

FUNCTION tempfactor(temperature (degC)) {
    UNITSOFF
    tempfactor = 2.3^((temperature - 23 - 30.7)/10)
    UNITSON
}
