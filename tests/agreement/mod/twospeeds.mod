: Strong events open a slow part too
NEURON {
    POINT_PROCESS TwoSpeeds
    NONSPECIFIC_CURRENT i
    RANGE tau, slow, e, limit, i
}
PARAMETER {
    tau = 4 (ms)
    slow = 30 (ms)
    e = -85 (mV)
    limit = 0.0011 (uS)
}
ASSIGNED { v (mV) i (nA) }
STATE { s (uS) d (uS) }
INITIAL {
    s = 0
    d = 0
}
BREAKPOINT {
    SOLVE state METHOD cnexp
    i = (s + d)*(v - e)
}
DERIVATIVE state {
    s' = -s/tau
    d' = -d/slow
}
NET_RECEIVE(weight (uS)) {
    s = s + weight
    if (weight > limit) {
        d = d + 0.3*(weight - limit)
    } else {
        s = s - 0.1*weight
    }
}
UNITS { (mA) = (milliamp) (nA) = (nanoamp) (mV) = (millivolt) (S) = (siemens) (uS) = (microsiemens) }
