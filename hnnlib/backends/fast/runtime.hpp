// What all generated kernels share: lanes, elementary functions, rate rows, events, the loop over windows.
//
// A *block* is as many cells of one template as a vector register has lanes; every quantity is stored [index][lane]. A
// block runs a whole window of steps (no longer than the shortest connection delay) before spikes are handed over, so that
// its state stays in the fastest cache.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#ifdef HNNLIB_FLOAT
using T = float;
using I = std::int32_t;
#else
using T = double;
using I = std::int64_t;
#endif

#if defined(__AVX512F__)
constexpr int bytes = 64;
#elif defined(__AVX__)
constexpr int bytes = 32;
#else
constexpr int bytes = 16;
#endif
constexpr int W = bytes / sizeof(T);
typedef T vec __attribute__((vector_size(bytes)));
typedef I ivec __attribute__((vector_size(bytes)));

static inline vec splat(T x) { return x - vec{}; }
static inline vec load(T const* p) { vec x; std::memcpy(&x, p, sizeof x); return x; }
static inline void store(T* p, vec x) { std::memcpy(p, &x, sizeof x); }
static inline vec select(ivec mask, vec yes, vec no) { return mask ? yes : no; }
static inline vec vmin(vec a, vec b) { return a < b ? a : b; }
static inline vec vmax(vec a, vec b) { return a > b ? a : b; }
static inline vec fabs_(vec x) { return x < 0 ? -x : x; }
static inline T sum(vec x) { T s = 0; for (int l = 0; l < W; ++l) s += x[l]; return s; }
static inline ivec bits(vec x) { ivec i; std::memcpy(&i, &x, sizeof i); return i; }
static inline vec real(ivec i) { vec x; std::memcpy(&x, &i, sizeof x); return x; }

// exp: argument reduced to |r| <= ln2/2 in two parts, Taylor polynomial to the last bit, exponent put back as bits.
static inline vec exp_(vec x) {
#ifdef HNNLIB_FLOAT
    constexpr T top = 88.0f, bottom = -87.0f, magic = 12582912.0f, hi = 0.693359375f, lo = -2.12194440e-4f;
    constexpr int mantissa = 23, n_terms = 8;
#else
    constexpr T top = 709.0, bottom = -708.0, magic = 6755399441055744.0, hi = 6.93147180369123816490e-01,
                lo = 1.90821492927058770002e-10;
    constexpr int mantissa = 52, n_terms = 14;
#endif
    constexpr T inverse[] = {1., 1., 1. / 2, 1. / 6, 1. / 24, 1. / 120, 1. / 720, 1. / 5040, 1. / 40320, 1. / 362880,
                             1. / 3628800, 1. / 39916800, 1. / 479001600, 1. / 6227020800.};
    x = vmin(vmax(x, splat(bottom)), splat(top));
    vec const shifted = x * T(1.44269504088896340736) + magic;
    vec const n = shifted - magic;
    vec const r = (x - n * hi) - n * lo;
    vec y = splat(inverse[n_terms - 1]);
    for (int k = n_terms - 2; k >= 0; --k) y = y * r + inverse[k];
    return y * real((bits(shifted) << mantissa) + bits(splat(T(1))));
}

// log of a positive number: mantissa in [sqrt(1/2), sqrt(2)), series in (m - 1)/(m + 1).
static inline vec log_(vec x) {
#ifdef HNNLIB_FLOAT
    constexpr int mantissa = 23;
    constexpr I one = 0x3f800000, half_root = 0x3f3504f3;
    constexpr int n_terms = 5;
#else
    constexpr int mantissa = 52;
    constexpr I one = 0x3ff0000000000000, half_root = 0x3fe6a09e667f3bcd;
    constexpr int n_terms = 11;
#endif
    ivec const raw = bits(x) - half_root;
    ivec const exponent = raw >> mantissa;
    vec const m = real(bits(x) - (exponent << mantissa));
    (void)one;
    vec const s = (m - 1) / (m + 1), s2 = s * s;
    vec y = splat(T(1) / (2 * n_terms - 1));
    for (int k = n_terms - 2; k >= 0; --k) y = y * s2 + T(1) / (2 * k + 1);
    vec n;
    for (int l = 0; l < W; ++l) n[l] = T(exponent[l]);
    return 2 * s * y + n * T(0.693147180559945309417);
}

static inline vec pow_(vec x, vec y) { return exp_(y * log_(x)); }
static inline vec sqrt_(vec x) { for (int l = 0; l < W; ++l) x[l] = std::sqrt(x[l]); return x; }
static inline vec tanh_(vec x) { vec const e = exp_(2 * x); return 1 - 2 / (e + 1); }

// ------------------------------------------------------------------------------------------------ rate rows
template <int S, bool High, int... L>
static inline vec merge(vec a, vec b, std::integer_sequence<int, L...>) {
    return __builtin_shufflevector(a, b, ((L & S) ? ((High ? L : L - S) + W) : (High ? L + S : L))...);
}
template <int S>
static inline void transpose_stage(vec* r) {
    if constexpr (S < W) {
        for (int i = 0; i < W; ++i) {
            if (i & S) continue;
            vec const a = r[i], b = r[i + S];
            // element (row i, column l with bit S) changes place with (row i + S, column l without)
            r[i] = merge<S, false>(a, b, std::make_integer_sequence<int, W>{});
            r[i + S] = merge<S, true>(a, b, std::make_integer_sequence<int, W>{});
        }
        transpose_stage<S * 2>(r);
    }
}

// Rows of a table over voltage: `n_chunks * W` values, then as many slopes. One row serves one lane.
struct Table {
    T const* rows = nullptr;
    T low = 0, per_mV = 0;
    I last = 0;
};
template <int n_chunks>
static inline void look_up(Table const& table, vec v, vec* out) {
    vec x = (v - table.low) * table.per_mV;
    x = vmin(vmax(x, splat(0)), splat(T(table.last)));
    ivec k = __builtin_convertvector(x, ivec);
    vec const f = x - __builtin_convertvector(k, vec);
    for (int c = 0; c < n_chunks; ++c) {
        for (int l = 0; l < W; ++l) {
            T const* const row = table.rows + k[l] * (2 * n_chunks * W) + c * W;
            out[c * W + l] = load(row) + f[l] * load(row + n_chunks * W);
        }
        transpose_stage<1>(out + c * W);
    }
}

// ------------------------------------------------------------------------------------------------ what Python hands over
extern "C" {
struct TemplateData {
    std::int64_t n_cells, first_gid;
    double const* constants;  // as the generator lays them out, see Kernel::n_constants
    double const* initial;    // one value for each row of the block's state
    double const* table;      // rows, or null
    double table_low, table_per_mV;
    std::int64_t table_rows, table_columns;
    double threshold_unused;
    double const* threshold;  // per cell
};
struct Edge {
    std::int32_t block, site, lane, pad;
    double weight, delay;
};
struct Event {  // of a drive: known before the run
    std::int32_t step, site, lane, pad;
    double weight;
};
struct Clamp {
    std::int32_t segment, lane;
    double amplitude, start, stop;
};
struct Pick {  // row of a probe that is one quantity of one cell
    std::int32_t kind, index, lane, every;  // kind 0: v, 1: i_membrane, 2: cai, 3: i_synapse
    double weight;
    double* out;  // sample s goes to out[s * stride]
    std::int64_t stride;
};
struct Dense {  // row of a probe that is a sum over a block's segments
    std::int32_t kind, every;  // kind 0: v, 1: i_membrane
    double const* weight;      // [segment][lane]
    double* out;
    std::int64_t stride;
};
struct BlockData {
    std::int64_t template_number, first_cell, n_lanes;
    std::int64_t n_clamps, n_picks, n_dense;
    Clamp const* clamps;
    Pick const* picks;
    Dense const* dense;
    Event const* events;            // by window, steps rising within
    std::int64_t const* event_row;  // n_windows + 1
};
struct Spike {
    double time;
    std::int64_t gid;
};
struct Job {
    std::int64_t n_steps, window, n_blocks, n_templates, n_gids;
    double dt;
    TemplateData const* templates;
    BlockData const* blocks;
    Edge const* edges;
    std::int64_t const* edge_row;  // by source gid, n_gids + 1
    Spike* spikes;
    std::int64_t n_spikes, max_spikes;
    std::int64_t bad_step, bad_gid, bad_segment;  // first value that is no number, or -1
    std::int64_t volatile* progress;
    std::int64_t volatile const* stop;
};
}

struct Clock {
    std::vector<double> t;  // accumulated as NEURON does, half a step at a time
    double dt;
    Clock(std::int64_t n, double step) : t(n + 1), dt(step) {
        double now = 0;
        for (std::int64_t k = 0; k <= n; ++k) {
            t[k] = now;
            now += 0.5 * dt;
            now += 0.5 * dt;
        }
    }
    // the step at whose start an event of this time is applied: the first with time <= t + dt/2
    std::int64_t step_of(double time) const {
        auto k = static_cast<std::int64_t>(std::ceil(time / dt - 0.5)) - 1;
        auto const n = static_cast<std::int64_t>(t.size()) - 1;
        if (k < 0) k = 0;
        while (k < n && time > t[k] + 0.5 * dt) ++k;
        return k;
    }
};

struct Memory {  // aligned, zeroed
    T* data;
    explicit Memory(std::size_t rows)
        : data(static_cast<T*>(std::aligned_alloc(64, (rows * sizeof(vec) + 63) / 64 * 64))) {
        std::memset(data, 0, rows * sizeof(vec));
    }
    Memory(Memory&& other) noexcept : data(std::exchange(other.data, nullptr)) {}
    Memory(Memory const&) = delete;
    ~Memory() { std::free(data); }
};
