: NMDA receptors with the block by magnesium of Jahr & Stevens (1990, J Neurosci 10:3178)
NEURON {
    POINT_PROCESS MgSyn
    NONSPECIFIC_CURRENT i
    RANGE tau1, tau2, e, mg, g, i
}
PARAMETER {
    tau1 = 2 (ms)
    tau2 = 50 (ms)
    e = 0 (mV)
    mg = 1
}
ASSIGNED { v (mV) i (nA) g (uS) factor }
STATE { A (uS) B (uS) }
INITIAL {
    LOCAL tp
    A = 0
    B = 0
    tp = (tau1*tau2)/(tau2 - tau1)*log(tau2/tau1)
    factor = 1/(exp(-tp/tau2) - exp(-tp/tau1))
}
BREAKPOINT {
    SOLVE state METHOD cnexp
    g = (B - A)*block(v)
    i = g*(v - e)
}
DERIVATIVE state {
    A' = -A/tau1
    B' = -B/tau2
}
NET_RECEIVE(weight (uS)) {
    A = A + weight*factor
    B = B + weight*factor
}
FUNCTION block(v (mV)) { block = 1/(1 + mg/3.57*exp(-0.062*v)) }
UNITS { (mA) = (milliamp) (nA) = (nanoamp) (mV) = (millivolt) (S) = (siemens) (uS) = (microsiemens) }
