COMMENT
Fast sodium, delayed-rectifier potassium and leak currents of Hodgkin & Huxley (1952, J Physiol 117:500-544), with rest
at -65 mV and the temperature factor referred to 37 degC, as used for all cells of the neocortical column of
Jones et al. (2009, J Neurophysiol 102:3554-3572).

The rates are tabulated in steps of 1 mV: this coarse table belongs to the published model, exact rates move its spikes.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX hh2
    USEION na READ ena WRITE ina
    USEION k READ ek WRITE ik
    NONSPECIFIC_CURRENT il
    RANGE gnabar, gkbar, gl, el
    RANGE minf, mtau, hinf, htau, ninf, ntau, q
}

UNITS {
    (mA) = (milliamp)
    (mV) = (millivolt)
    (S) = (siemens)
}

PARAMETER {
    gnabar = 0.12 (S/cm2)     : peak sodium conductance
    gkbar = 0.036 (S/cm2)     : peak potassium conductance
    gl = 0.0003 (S/cm2)       : leak conductance
    el = -54.3 (mV)           : leak reversal potential
}

STATE {
    m
    h
    n
}

ASSIGNED {
    v (mV)
    celsius (degC)
    ena (mV)
    ek (mV)
    ina (mA/cm2)
    ik (mA/cm2)
    il (mA/cm2)
    minf
    hinf
    ninf
    mtau (ms)
    htau (ms)
    ntau (ms)
    q                         : temperature factor of the rates
}

INITIAL {
    q = tempfactor(celsius)
    rates(v)
    m = minf
    h = hinf
    n = ninf
}

BREAKPOINT {
    LOCAL gna, gk
    SOLVE states METHOD cnexp
    : stated, so that NEURON need not find it by evaluating the current twice
    CONDUCTANCE gna USEION na
    CONDUCTANCE gk USEION k
    CONDUCTANCE gl
    gna = gnabar*m*m*m*h
    gk = gkbar*n*n*n*n
    ina = gna*(v - ena)
    ik = gk*(v - ek)
    il = gl*(v - el)
}

DERIVATIVE states {
    rates(v)
    m' = (minf - m)/mtau
    h' = (hinf - h)/htau
    n' = (ninf - n)/ntau
}

PROCEDURE rates(v (mV)) {
    LOCAL a, b, qt
    TABLE minf, mtau, hinf, htau, ninf, ntau DEPEND celsius FROM -100 TO 100 WITH 200
    UNITSOFF
    qt = tempfactor(celsius)
    a = 0.1*ratio(-(v + 40), 10)
    b = 4*exp(-(v + 65)/18)
    minf = a/(a + b)
    mtau = 1/(qt*(a + b))
    a = 0.07*exp(-(v + 65)/20)
    b = 1/(exp(-(v + 35)/10) + 1)
    hinf = a/(a + b)
    htau = 1/(qt*(a + b))
    a = 0.01*ratio(-(v + 55), 10)
    b = 0.125*exp(-(v + 65)/80)
    ninf = a/(a + b)
    ntau = 1/(qt*(a + b))
    UNITSON
}

FUNCTION tempfactor(temperature (degC)) {
    UNITSOFF
    tempfactor = 3^((temperature - 6.3 - 30.7)/10)
    UNITSON
}

FUNCTION ratio(x, y) {
    : x/(exp(x/y) - 1) with its limit at x = 0
    UNITSOFF
    if (fabs(x/y) < 1e-6) {
        ratio = y*(1 - x/y/2)
    } else {
        ratio = x/(exp(x/y) - 1)
    }
    UNITSON
}
