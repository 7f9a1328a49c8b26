: A channel with all in it: choices, powers, functions, tables, constants, globals, three currents, no CONDUCTANCE
NEURON {
    SUFFIX odd
    NONSPECIFIC_CURRENT i
    USEION na READ ena WRITE ina
    USEION k READ ek WRITE ik
    RANGE g, e, shift, open, late
    GLOBAL steep, q
}
CONSTANT { base = 1.7 }
PARAMETER {
    g = 1e-4 (S/cm2)
    e = -60 (mV)
    shift = 3 (mV)
    steep = 7 (mV)
}
STATE { a b c w }
ASSIGNED {
    v (mV)
    celsius (degC)
    ena (mV)
    ek (mV)
    i (mA/cm2)
    ina (mA/cm2)
    ik (mA/cm2)
    ainf
    atau (ms)
    binf
    btau (ms)
    wtau (ms)
    q
    open
    late
}
INITIAL {
    q = base^((celsius - 20)/10)
    smooth(v)
    stepped(v)
    a = ainf
    b = 0.3
    c = 0.1
    w = 0.5
    late = 0
}
BREAKPOINT {
    LOCAL x
    SOLVE states METHOD cnexp
    x = a*a*b*(1 + 0.1*floor(fabs(v)/25))
    if (v > -50) {
        x = x + 0.1*c
        late = x
    } else if (v < -90) {
        x = x*2
    } else {
        x = x + 0.01*c*sqrt(fabs(v)/50)
    }
    open = x
    i = g*x*goldman(v - e) + 0.01*g*late*(v - e)
    ina = g*0.1*x*(v - ena)
    ik = g*w^1.5*tanh((v - ek)/40)*20
}
DERIVATIVE states {
    smooth(v)
    stepped(v)
    a' = q*(ainf - a)/atau
    b' = (binf - b)/btau
    c' = 0.2*(1 - c)*ainf - c/5
    w' = (0.5 + 0.4*cos(v/30) - w)/wtau
}
PROCEDURE smooth(v (mV)) {
    TABLE ainf, atau DEPEND steep FROM -150 TO 150 WITH 300
    ainf = 1/(1 + exp(-(v + 50)/steep))
    atau = 0.5 + 2*exp(-((v + 60)/30)^2)
}
PROCEDURE stepped(v (mV)) {
    LOCAL y
    y = (v + 45 - shift)/6
    if (fabs(y) < 1e-4) {
        btau = 4*(1 - y/2)
    } else if (y > 0 && v < 0) {
        btau = 4*y/(exp(y) - 1)
    } else {
        btau = 4*fabs(y)/fabs(exp(y) - 1)
    }
    wtau = 3 + sin(v/40)^2
    binf = 0.9*logistic(-y) + log10(1 + exp(y/10))*0.05
}
FUNCTION logistic(y) { logistic = 1/(1 + exp(-y)) }
FUNCTION goldman(y (mV)) (mV) {
    LOCAL z
    z = y/25
    if (fabs(z) < 1e-3) {
        goldman = 25*(1 + z/2 + z*z/12)
    } else {
        goldman = 25*z/(1 - exp(-z))
    }
}
UNITS { (mA) = (milliamp) (nA) = (nanoamp) (mV) = (millivolt) (S) = (siemens) (uS) = (microsiemens) }
