COMMENT
Calcium in a thin shell under the membrane: inward calcium current fills it, and it decays to its rest concentration with
one time constant (Destexhe et al. 1993, Biophys J 65:1538-1552), as used in layer 5 of the neocortical column of Jones
et al. (2009, J Neurophysiol 102:3554-3572). Outward current does not empty the shell.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX cad
    USEION ca READ ica WRITE cai
    RANGE depth, taur, cainf
    RANGE inflow
}

UNITS {
    (mA) = (milliamp)
    (mM) = (milli/liter)
    (um) = (micron)
}

PARAMETER {
    depth = 0.1 (um)          : thickness of the shell
    taur = 200 (ms)           : time constant of removal
    cainf = 1e-4 (mM)         : rest concentration
}

STATE {
    ca (mM)
}

ASSIGNED {
    ica (mA/cm2)
    cai (mM)
    inflow (mM/ms)
}

INITIAL {
    inflow = 0
    ca = cainf
    cai = ca
}

BREAKPOINT {
    SOLVE states METHOD cnexp
}

DERIVATIVE states {
    : Faraday constant as the published model was run with (C/mol)
    UNITSOFF
    inflow = -10000*ica/(2*96485.3*depth)
    UNITSON
    if (inflow < 0) {
        inflow = 0
    }
    ca' = inflow + (cainf - ca)/taur
    cai = ca
}
