COMMENT
Linear probe: y = W x at the end of every step, where x are any values that NEURON holds (voltages, membrane currents,
synaptic currents, concentrations) and W is a sparse matrix in CSR form. Dipole moment, extracellular potential and plain
recordings are all of this form.

Use, in this order:
    add_source(&variable)             once per column of W
    set_matrix(indptr, indices, weights, out, every)
    start()                           after finitialize(): takes the addresses, writes the values at t = 0 as sample 0
Every `every`-th step then writes one sample into the Vector `out`, sample by sample, row by row. Values are those that
Vector.record would see: voltages at the end of the step, currents as the step's current evaluation left them.

Written for one thread. The memory of `out` must not move while the probe runs.
ENDCOMMENT

NEURON {
    POINT_PROCESS LinearProbe
    RANGE n_written
}

ASSIGNED {
    n_written                 : number of samples written since start() (read it, don't set it)
    state                     : holds the bits of a C pointer to the probe's tables, not a number
}

VERBATIM
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

namespace {
struct Probe {
    // as handed over: one handle per column of W; handles follow a value when NEURON re-orders its memory
    std::vector<neuron::container::data_handle<double>> sources;
    std::vector<std::int32_t> columns;
    // derived by start(): the values in the order of their addresses, so that each step reads memory in sequence
    std::vector<double const*> addresses;
    std::vector<double> values;
    std::vector<std::int32_t> places;
    std::vector<std::int64_t> row_start;
    std::vector<double> weights;
    double* out = nullptr;
    std::int64_t n_samples = 0;
    std::int64_t every = 1;
    std::int64_t step = 0;
    std::int64_t sample = 0;
    bool running = false;

    std::int64_t n_rows() const {
        return static_cast<std::int64_t>(row_start.size()) - 1;
    }

    void write_sample() {
        auto const n = addresses.size();
        for (std::size_t k = 0; k < n; ++k) {
            values[k] = *addresses[k];
        }
        double* const y = out + sample * n_rows();
        for (std::int64_t row = 0; row < n_rows(); ++row) {
            double sum = 0.;
            for (auto k = row_start[row]; k < row_start[row + 1]; ++k) {
                sum += weights[k] * values[places[k]];
            }
            y[row] = sum;
        }
        ++sample;
    }
};

Probe* probe_of(double const& bits) {
    Probe* probe;
    std::memcpy(&probe, &bits, sizeof(probe));
    return probe;
}
}  // namespace
ENDVERBATIM

CONSTRUCTOR {
VERBATIM
    auto* const probe = new Probe;
    std::memcpy(&state, &probe, sizeof(probe));
ENDVERBATIM
}

DESTRUCTOR {
VERBATIM
    delete probe_of(state);
ENDVERBATIM
}

INITIAL {
    n_written = 0
VERBATIM
    // addresses may change with every initialisation: silent until start()
    probe_of(state)->running = false;
ENDVERBATIM
}

PROCEDURE add_source() {
VERBATIM
    probe_of(state)->sources.push_back(hoc_hgetarg<double>(1));
ENDVERBATIM
}

PROCEDURE set_matrix() {
VERBATIM
    auto& p = *probe_of(state);
    auto* const indptr = vector_arg(1);
    auto* const indices = vector_arg(2);
    auto* const weights = vector_arg(3);
    auto* const out = vector_arg(4);
    p.row_start.assign(vector_vec(indptr), vector_vec(indptr) + vector_capacity(indptr));
    p.columns.assign(vector_vec(indices), vector_vec(indices) + vector_capacity(indices));
    p.weights.assign(vector_vec(weights), vector_vec(weights) + vector_capacity(weights));
    p.out = vector_vec(out);
    p.n_samples = vector_capacity(out) / p.n_rows();
    p.every = static_cast<std::int64_t>(*hoc_getarg(5));
    p.running = false;
ENDVERBATIM
}

PROCEDURE start() {
VERBATIM
    auto& p = *probe_of(state);
    auto const n = p.sources.size();
    std::vector<double const*> taken(n);
    for (std::size_t k = 0; k < n; ++k) {
        taken[k] = static_cast<double const*>(p.sources[k]);
    }
    std::vector<std::int32_t> order(n);
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&taken](auto a, auto b) { return taken[a] < taken[b]; });
    std::vector<std::int32_t> rank(n);
    p.addresses.resize(n);
    p.values.resize(n);
    for (std::size_t k = 0; k < n; ++k) {
        rank[order[k]] = static_cast<std::int32_t>(k);
        p.addresses[k] = taken[order[k]];
    }
    p.places.resize(p.columns.size());
    for (std::size_t k = 0; k < p.columns.size(); ++k) {
        p.places[k] = rank[p.columns[k]];
    }
    p.step = 0;
    p.sample = 0;
    p.running = true;
    if (p.n_samples > 0) {
        p.write_sample();
    }
    n_written = static_cast<double>(p.sample);
ENDVERBATIM
}

AFTER SOLVE {
VERBATIM
    auto& p = *probe_of(state);
    if (p.running) {
        ++p.step;
        if (p.step % p.every == 0 && p.sample < p.n_samples) {
            p.write_sample();
            n_written = static_cast<double>(p.sample);
        }
    }
ENDVERBATIM
}
