COMMENT
Linear probe: y = W x at the end of every step, where x are any values that NEURON holds (voltages, membrane currents,
synaptic currents, concentrations) and W is a sparse matrix in CSR form. Dipole moment, extracellular potential and plain
recordings are all of this form.

Use, in this order:
    add_source(&variable)             once per column of W
    set_matrix(indptr, indices, weights, out, every)
    start()                           after finitialize(): takes the addresses, writes the values at t = 0 as sample 0
Every `every`-th step then takes one sample, until the Vector `out` is full: sample by sample, row by row. Values are those
that Vector.record would see: voltages at the end of the step, currents as the step's current evaluation left them. The
samples are multiplied and written some at a time, so `out` is complete when n_taken is its number of samples.

Written for one thread. The memory of `out` must not move while the probe runs, and must hold at least one sample.
ENDCOMMENT

NEURON {
    POINT_PROCESS LinearProbe
    RANGE n_taken
}

ASSIGNED {
    n_taken                   : number of samples taken since start() (read it, don't set it)
    state                     : holds the bits of a C pointer to the probe's tables, not a number
}

VERBATIM
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <tuple>
#include <utility>
#include <vector>

namespace {
// Samples that are multiplied together: W is read once for all of them, and they fill one cache line.
constexpr int n_together = 8;

struct Probe {
    // as handed over: one handle per column of W; handles follow a value when NEURON re-orders its memory
    std::vector<neuron::container::data_handle<double>> sources;
    std::vector<std::int32_t> columns;
    std::vector<double> entries;
    std::vector<std::int64_t> row_start;
    double* out = nullptr;
    std::int64_t n_samples = 0;
    std::int64_t every = 1;

    // derived by find(): the same in the order of the values' addresses, so that each step reads memory in sequence
    std::vector<double const*> found;
    std::vector<double const*> addresses;
    std::vector<std::int32_t> places;
    std::vector<double> weights;

    std::vector<double> gathered;  // [n_together][source]: written in sequence
    std::vector<double> block;     // [source][n_together]: multiplied in sequence
    std::int64_t step = 0;
    std::int64_t sample = 0;
    int pending = 0;
    bool running = false;

    std::int64_t n_rows() const {
        return static_cast<std::int64_t>(row_start.size()) - 1;
    }

    void find() {
        auto const n = sources.size();
        std::vector<double const*> now(n);
        for (std::size_t k = 0; k < n; ++k) {
            now[k] = static_cast<double const*>(sources[k]);
            if (!now[k]) {
                hoc_execerror("LinearProbe:", "a source no longer exists");
            }
        }
        if (now == found && weights.size() == entries.size()) {
            return;
        }
        found = now;
        std::vector<std::int32_t> order(n);
        std::iota(order.begin(), order.end(), 0);
        std::sort(order.begin(), order.end(), [&now](auto a, auto b) { return now[a] < now[b]; });
        std::vector<std::int32_t> rank(n);
        addresses.resize(n);
        for (std::size_t k = 0; k < n; ++k) {
            rank[order[k]] = static_cast<std::int32_t>(k);
            addresses[k] = now[order[k]];
        }
        gathered.assign(n * n_together, 0.);
        block.assign(n * n_together, 0.);
        places.resize(columns.size());
        weights.resize(columns.size());
        std::vector<std::pair<std::int32_t, double>> row;
        for (std::int64_t r = 0; r < n_rows(); ++r) {
            row.clear();
            for (auto k = row_start[r]; k < row_start[r + 1]; ++k) {
                row.emplace_back(rank[columns[k]], entries[k]);
            }
            std::sort(row.begin(), row.end());
            for (auto k = row_start[r]; k < row_start[r + 1]; ++k) {
                std::tie(places[k], weights[k]) = row[k - row_start[r]];
            }
        }
    }

    void take_sample() {
        auto const n = addresses.size();
        double* const x = gathered.data() + pending * n;
        for (std::size_t k = 0; k < n; ++k) {
            x[k] = *addresses[k];
        }
        ++pending;
        ++sample;
        if (pending == n_together || sample == n_samples) {
            multiply();
        }
    }

    void multiply() {
        auto const n = addresses.size();
        for (std::size_t k = 0; k < n; ++k) {
            for (int s = 0; s < n_together; ++s) {
                block[k * n_together + s] = gathered[s * n + k];
            }
        }
        double* const y = out + (sample - pending) * n_rows();
        for (std::int64_t r = 0; r < n_rows(); ++r) {
            double sum[n_together] = {};
            for (auto k = row_start[r]; k < row_start[r + 1]; ++k) {
                double const w = weights[k];
                double const* const x = block.data() + static_cast<std::size_t>(places[k]) * n_together;
                for (int s = 0; s < n_together; ++s) {
                    sum[s] += w * x[s];
                }
            }
            for (int s = 0; s < pending; ++s) {
                y[s * n_rows() + r] = sum[s];
            }
        }
        pending = 0;
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
    n_taken = 0
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
    p.entries.assign(vector_vec(weights), vector_vec(weights) + vector_capacity(weights));
    p.out = vector_vec(out);
    p.n_samples = vector_capacity(out) / p.n_rows();
    p.every = static_cast<std::int64_t>(*hoc_getarg(5));
    p.found.clear();
    p.running = false;
ENDVERBATIM
}

PROCEDURE start() {
VERBATIM
    auto& p = *probe_of(state);
    p.find();
    p.step = 0;
    p.sample = 0;
    p.pending = 0;
    p.running = true;
    p.take_sample();
    n_taken = 1.;
ENDVERBATIM
}

AFTER SOLVE {
VERBATIM
    auto& p = *probe_of(state);
    if (p.running) {
        ++p.step;
        if (p.step % p.every == 0 && p.sample < p.n_samples) {
            p.take_sample();
            n_taken = static_cast<double>(p.sample);
        }
    }
ENDVERBATIM
}
