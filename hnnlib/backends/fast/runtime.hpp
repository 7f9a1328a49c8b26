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
typedef double dvec __attribute__((vector_size(W * sizeof(double))));  // sums over many segments are kept in double

static inline vec splat(T x) { return x - vec{}; }
static inline vec wide(T x) { return splat(x); }
static inline vec wide(vec x) { return x; }
static inline vec load(T const* p) { vec x; std::memcpy(&x, p, sizeof x); return x; }
static inline void store(T* p, vec x) { std::memcpy(p, &x, sizeof x); }
static inline vec select(ivec mask, vec yes, vec no) { return mask ? yes : no; }
static inline vec vmin(vec a, vec b) { return a < b ? a : b; }
static inline vec vmax(vec a, vec b) { return a > b ? a : b; }
static inline vec fabs_(vec x) { return x < 0 ? -x : x; }
static inline T sum(vec x) { T s = 0; for (int l = 0; l < W; ++l) s += x[l]; return s; }
static inline ivec bits(vec x) { ivec i; std::memcpy(&i, &x, sizeof i); return i; }
static inline vec real(ivec i) { vec x; std::memcpy(&x, &i, sizeof x); return x; }

// Polynomials by halves (Estrin): a short chain of dependent steps, so that the processor finds work to overlap.
template <int N>
static inline vec poly(T const* c, vec const* powers) {
    if constexpr (N == 1) {
        return splat(c[0]);
    } else {
        constexpr int half = N > 8 ? 8 : N > 4 ? 4 : N > 2 ? 2 : 1;
        constexpr int level = half == 8 ? 3 : half == 4 ? 2 : half == 2 ? 1 : 0;
        if constexpr (N == 2) return c[1] * powers[0] + c[0];
        else return poly<N - half>(c + half, powers) * powers[level] + poly<half>(c, powers);
    }
}
template <int N>
static inline vec polynomial(T const* c, vec x) {
    vec const x2 = x * x, x4 = x2 * x2;
    vec const powers[] = {x, x2, x4, x4 * x4};
    return poly<N>(c, powers);
}

// exp: argument reduced in two parts, Taylor polynomial to the last bit, exponent put back as bits. Where a register
// holds half a table of sixteenths of an octave, |r| <= ln2/32 and the polynomial is half as long; else |r| <= ln2/2.
static inline vec exp_(vec x) {
#if defined(__AVX512F__) && !defined(HNNLIB_FLOAT)
    constexpr vec low = {1.0, 1.0442737824274138403, 1.0905077326652576592, 1.1387886347566916537,
                         1.1892071150027210667, 1.2418578120734840486, 1.2968395546510096659, 1.3542555469368927283};
    constexpr vec high = {1.4142135623730950488, 1.4768261459394993114, 1.5422108254079408236, 1.6104903319492543081,
                          1.6817928305074290861, 1.7562521603732994831, 1.8340080864093424635, 1.9152065613971472939};
    static constexpr T terms[] = {1., 1., 1. / 2, 1. / 6, 1. / 24, 1. / 120, 1. / 720, 1. / 5040};
    x = vmin(vmax(x, splat(-708.0)), splat(709.0));
    vec const moved = x * 23.083120654223414339 + 6755399441055744.0;
    vec const steps = moved - 6755399441055744.0;
    vec const rest = (x - steps * (6.93147180369123816490e-01 / 16)) - steps * (1.90821492927058770002e-10 / 16);
    ivec const part = bits(moved) & 15;
    vec const octave = __builtin_shuffle(low, high, part);
    return polynomial<8>(terms, rest) * real(bits(octave) + ((bits(moved) - part) << 48));
#else
#ifdef HNNLIB_FLOAT
    constexpr T top = 88.0f, bottom = -87.0f, magic = 12582912.0f, hi = 0.693359375f, lo = -2.12194440e-4f;
    constexpr int mantissa = 23, n_terms = 8;
#else
    constexpr T top = 709.0, bottom = -708.0, magic = 6755399441055744.0, hi = 6.93147180369123816490e-01,
                lo = 1.90821492927058770002e-10;
    constexpr int mantissa = 52, n_terms = 14;
#endif
    static constexpr T inverse[] = {1., 1., 1. / 2, 1. / 6, 1. / 24, 1. / 120, 1. / 720, 1. / 5040, 1. / 40320,
                                    1. / 362880, 1. / 3628800, 1. / 39916800, 1. / 479001600, 1. / 6227020800.};
    x = vmin(vmax(x, splat(bottom)), splat(top));
    vec const shifted = x * T(1.44269504088896340736) + magic;
    vec const n = shifted - magic;
    vec const r = (x - n * hi) - n * lo;
    return polynomial<n_terms>(inverse, r) * real((bits(shifted) << mantissa) + bits(splat(T(1))));
#endif
}

// log of a positive number: mantissa in [sqrt(1/2), sqrt(2)), series in (m - 1)/(m + 1).
static inline vec log_(vec x) {
#ifdef HNNLIB_FLOAT
    constexpr int mantissa = 23, n_terms = 5;
    constexpr I half_root = 0x3f3504f3;
#else
    constexpr int mantissa = 52, n_terms = 11;
    constexpr I half_root = 0x3fe6a09e667f3bcd;
#endif
    static constexpr T odd[] = {2., 2. / 3, 2. / 5, 2. / 7, 2. / 9, 2. / 11, 2. / 13, 2. / 15, 2. / 17, 2. / 19, 2. / 21};
    ivec const exponent = (bits(x) - half_root) >> mantissa;
    vec const m = real(bits(x) - (exponent << mantissa));
    vec const s = (m - 1) / (m + 1);
    vec const n = __builtin_convertvector(exponent, vec);
    return s * polynomial<n_terms>(odd, s * s) + n * T(0.693147180559945309417);
}

static inline vec pow_(vec x, vec y) { return exp_(y * log_(x)); }
static inline vec sqrt_(vec x) { for (int l = 0; l < W; ++l) x[l] = std::sqrt(x[l]); return x; }
static inline vec tanh_(vec x) { vec const e = exp_(2 * x); return 1 - 2 / (e + 1); }
// the rest of what a mechanism may call, one lane after another
template <class F>
static inline vec each(vec x, F f) { for (int l = 0; l < W; ++l) x[l] = f(x[l]); return x; }
template <class F>
static inline vec each(vec x, vec y, F f) { for (int l = 0; l < W; ++l) x[l] = f(x[l], y[l]); return x; }
static inline vec abs_(vec x) { return fabs_(x); }
static inline vec floor_(vec x) { return each(x, [](T a) { return std::floor(a); }); }
static inline vec ceil_(vec x) { return each(x, [](T a) { return std::ceil(a); }); }
static inline vec sin_(vec x) { return each(x, [](T a) { return std::sin(a); }); }
static inline vec cos_(vec x) { return each(x, [](T a) { return std::cos(a); }); }
static inline vec tan_(vec x) { return each(x, [](T a) { return std::tan(a); }); }
static inline vec sinh_(vec x) { return each(x, [](T a) { return std::sinh(a); }); }
static inline vec cosh_(vec x) { return each(x, [](T a) { return std::cosh(a); }); }
static inline vec asin_(vec x) { return each(x, [](T a) { return std::asin(a); }); }
static inline vec acos_(vec x) { return each(x, [](T a) { return std::acos(a); }); }
static inline vec atan_(vec x) { return each(x, [](T a) { return std::atan(a); }); }
static inline vec atan2_(vec y, vec x) { return each(y, x, [](T a, T b) { return std::atan2(a, b); }); }
static inline vec fmod_(vec x, vec y) { return each(x, y, [](T a, T b) { return std::fmod(a, b); }); }

// ------------------------------------------------------------------------------------------------ rate rows
template <int S, bool High, class V, int... L>
static inline V merge(V a, V b, std::integer_sequence<int, L...>) {
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
    std::int64_t table_rows, n_used, most_clamped;
    std::int32_t const* used;  // sites that events reach or a probe records
    double const* threshold;   // per cell (mV)
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
    std::int32_t segment, lane, place, pad;  // place: among the segments of the block that have clamps
    double amplitude, absolute, start, stop;  // amplitude per area (µA/cm² * 1e-3), absolute in nA
};
struct Pick {  // row of a probe that is one quantity of one cell
    std::int32_t kind, index, lane, every;  // kind 0: v of a segment, 1: cai of a segment, 2: i_synapse of a site
    double weight;
    double* out;  // sample s goes to out[s * stride]
    std::int64_t stride;
};
struct Dense {  // rows of a probe that are sums over a block's values: voltages of nodes, then currents of clamps
    std::int64_t every, n_rows;
    double const* weight;  // [row][value][lane], aligned
    double* out;           // row r of sample s is out[s * stride + r]
    std::int64_t stride;
};
struct BlockData {
    std::int64_t template_number, first_cell, n_lanes;
    std::int64_t n_clamps, n_clamped, n_picks, n_dense;  // n_clamped: segments that have clamps
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

template <class E>
struct Memory {  // of a number of lanes; aligned, zeroed
    E* data;
    explicit Memory(std::size_t rows) : data(static_cast<E*>(std::aligned_alloc(64, (bytes_of(rows) + 63) / 64 * 64))) {
        std::memset(data, 0, bytes_of(rows));
    }
    static std::size_t bytes_of(std::size_t rows) { return rows * W * sizeof(E); }
    Memory(Memory&& other) noexcept : data(std::exchange(other.data, nullptr)) {}
    Memory(Memory const&) = delete;
    ~Memory() { std::free(data); }
};

// Samples that are multiplied together: the weights of an electrode array, too many for the fastest cache, are then read
// once for all of them.
constexpr int n_together = 8;

static inline dvec load_sum(double const* p) { dvec x; std::memcpy(&x, p, sizeof x); return x; }

// Sum each of N vectors over its lanes; the sums are then the first N numbers of x.
template <int S, int N>
static inline void over_lanes(dvec* x) {
    if constexpr (S < W) {
        auto const lanes = std::make_integer_sequence<int, W>{};
        for (int i = 0; i < N; i += 2) {
            dvec const a = x[i], b = x[std::min(i + 1, N - 1)];
            x[i / 2] = merge<S, false>(a, b, lanes) + merge<S, true>(a, b, lanes);
        }
        over_lanes<S * 2, (N + 1) / 2>(x);
    }
}

// Add the sums of R rows to the samples first, first + 1, …: sample k's values are x[k * step][value][lane].
template <int R, int S>
static void multiply(Dense const& p, std::int64_t row, double const* x, std::int64_t step, int n_samples, std::int64_t first,
                     std::int64_t n_values) {
    double const* const weights = p.weight + row * n_values * W;
    for (int k = 0; k < n_samples; k += S) {
        double const* from[S];
        for (int j = 0; j < S; ++j) from[j] = x + std::min(k + j, n_samples - 1) * step;
        dvec total[S * R] = {};
        for (std::int64_t i = 0; i < n_values; ++i) {
            dvec weight[R];
            for (int r = 0; r < R; ++r) weight[r] = load_sum(weights + (r * n_values + i) * W);
            for (int j = 0; j < S; ++j) {
                dvec const value = load_sum(from[j] + i * W);
                for (int r = 0; r < R; ++r) total[j * R + r] += weight[r] * value;
            }
        }
        over_lanes<1, S * R>(total);
        double y[S * R * W];
        std::memcpy(y, total, sizeof y);
        for (int j = 0; j < std::min(S, n_samples - k); ++j) {
            double* const out = p.out + (first + k + j) * p.stride + row;
            for (int r = 0; r < R; ++r) out[r] += y[j * R + r];
        }
    }
}

static inline T& at(vec* s, int row, int lane) { return reinterpret_cast<T*>(s + row)[lane]; }

struct Arrival {  // of an event within a window
    std::int32_t step, site, lane;
    T weight;
};

// What a block has beside its lanes.
struct Block {
    BlockData const* data;
    Memory<T> memory;
    std::vector<std::vector<Arrival>> coming;  // by window
    std::vector<Arrival> now, sorted;
    std::vector<int> count;
    ivec above = ivec{};
    std::int64_t next_clamp = 0;          // the first that has not begun
    std::vector<Clamp const*> flowing;    // those that have begun and not ended
};

struct Runner {
    virtual ~Runner() = default;
    virtual Block make(BlockData const& data) const = 0;
    virtual void run(Job& job, Clock const& clock, Block& block, std::int64_t window, std::vector<Spike>& spikes) const = 0;
};

template <class K>
struct RunnerOf final : Runner {
    std::vector<T> constants, rows, initial;
    std::vector<int> used;
    Table table;
    TemplateData const* data;
    Memory<double> collected;  // [sample][value][lane], of one block at a time
    mutable std::vector<double> injected;  // [segment that has clamps][lane]: what they bring now (nA)
    mutable int n_collected = 0;

    explicit RunnerOf(TemplateData const& d, std::int32_t const* used_sites, std::int64_t n_used)
        : data(&d), collected(n_together * (K::n_nodes + d.most_clamped)) {
        constants.assign(d.constants, d.constants + K::n_constants);
        initial.assign(d.initial, d.initial + K::n_rows);
        used.assign(used_sites, used_sites + n_used);
        if constexpr (K::n_columns > 0) {
            // [row][value of each column | slope of each column], padded to whole vectors
            constexpr int wide = K::n_chunks * W;
            rows.assign(static_cast<std::size_t>(d.table_rows) * 2 * wide + W, T(0));
            for (std::int64_t r = 0; r < d.table_rows; ++r) {
                double const* const here = d.table + r * K::n_columns;
                double const* const next = r + 1 < d.table_rows ? here + K::n_columns : here;
                for (int k = 0; k < K::n_columns; ++k) {
                    rows[(r * 2) * wide + k] = T(here[k]);
                    rows[(r * 2 + 1) * wide + k] = T(next[k] - here[k]);
                }
            }
            table = {rows.data(), T(d.table_low), T(d.table_per_mV), static_cast<I>(d.table_rows - 1)};
        }
    }

    Block make(BlockData const& block_data) const override {
        Block block{&block_data, Memory<T>(K::n_rows), {}, {}, {}, {}, ivec{}, 0, {}};
        for (int r = 0; r < K::n_rows; ++r) store(block.memory.data + r * W, splat(initial[r]));
        injected.assign(block_data.n_clamped * W, 0.0);
        take(block, reinterpret_cast<vec*>(block.memory.data), 0);
        spend(block_data, 0);
        return block;
    }

    void take(Block& block, vec* s, std::int64_t sample_step) const {
        auto const& d = *block.data;
        for (std::int64_t k = 0; k < d.n_picks; ++k) {
            Pick const& p = d.picks[k];
            if (sample_step % p.every) continue;
            int const row = p.kind == 0   ? K::V + K::node_of_segment[p.index]
                            : p.kind == 1 ? K::cai + K::node_of_segment[p.index]
                                          : K::isyn + p.index;
            p.out[(sample_step / p.every) * p.stride] += p.weight * at(s, row, p.lane);
        }
        if (!d.n_dense) return;
        double* const to = collected.data + n_collected * (K::n_nodes + d.n_clamped) * W;
        for (int i = 0; i < K::n_nodes; ++i) {
            dvec const v = __builtin_convertvector(s[K::V + i], dvec);
            std::memcpy(to + i * W, &v, sizeof v);
        }
        std::copy(injected.begin(), injected.end(), to + K::n_nodes * W);
        if (++n_collected == n_together) spend(d, sample_step);
    }

    // Multiply what was collected, up to this step, by the weights of the probes.
    void spend(BlockData const& d, std::int64_t last_step) const {
        std::int64_t const first_step = last_step - n_collected + 1, n_values = K::n_nodes + d.n_clamped;
        for (std::int64_t k = 0; k < d.n_dense; ++k) {
            Dense const& p = d.dense[k];
            std::int64_t const first = (first_step + p.every - 1) / p.every;  // sample
            int const n = static_cast<int>(last_step / p.every + 1 - first);
            if (n < 1) continue;
            double const* const x = collected.data + (first * p.every - first_step) * n_values * W;
            std::int64_t const step = p.every * n_values * W;
            std::int64_t row = 0;
            for (; row + 4 <= p.n_rows; row += 4) multiply<4, bytes == 64 ? 4 : 2>(p, row, x, step, n, first, n_values);
            for (; row < p.n_rows; ++row) multiply<1, 8>(p, row, x, step, n, first, n_values);
        }
        n_collected = 0;
    }

    void run(Job& job, Clock const& clock, Block& block, std::int64_t window, std::vector<Spike>& spikes) const override {
        auto const& d = *block.data;
        vec* const s = reinterpret_cast<vec*>(block.memory.data);
        T const* const c = constants.data();
        std::int64_t const first = window * job.window, end = std::min(job.n_steps, first + job.window);
        T const per_dt = T(1.0 / job.dt);
        gather(block, window, first, end);
        vec threshold;
        for (int l = 0; l < W; ++l) threshold[l] = T(data->threshold[d.first_cell + std::min<std::int64_t>(l, d.n_lanes - 1)]);
        injected.assign(d.n_clamped * W, 0.0);
        std::size_t next = 0;
        ivec finite = ivec{};  // steps that left a number; what is none spreads over the whole cell at once
        for (std::int64_t k = first; k < end; ++k) {
            ivec const above = s[K::V + K::spike_node] > threshold;
            ivec const risen = above & ~block.above;
            block.above = above;
            for (int l = 0; l < d.n_lanes; ++l)
                if (risen[l]) spikes.push_back({clock.t[k] + 1e-10, data->first_gid + d.first_cell + l});
            for (; next < block.sorted.size() && block.sorted[next].step == k; ++next) {
                auto const& a = block.sorted[next];
                K::receive(s, c, a.site, a.lane, a.weight);
            }
            K::begin(s, c, used.data(), static_cast<int>(used.size()), per_dt);
            double const half = clock.t[k] + 0.5 * job.dt;
            std::fill(injected.begin(), injected.end(), 0.0);
            while (block.next_clamp < d.n_clamps && d.clamps[block.next_clamp].start <= half)
                block.flowing.push_back(&d.clamps[block.next_clamp++]);
            auto& flow = block.flowing;
            flow.erase(
                std::remove_if(flow.begin(), flow.end(), [half](Clamp const* clamp) { return half >= clamp->stop; }),
                flow.end());
            for (Clamp const* const flowing : flow) {
                Clamp const& clamp = *flowing;
                at(s, K::R + K::node_of_segment[clamp.segment], clamp.lane) += T(clamp.amplitude);
                injected[clamp.place * W + clamp.lane] += clamp.absolute;
            }
            K::solve(s, c);
            K::advance(s, c, table, used.data(), static_cast<int>(used.size()));
            take(block, s, k + 1);
            vec const v = s[K::V + K::spike_node];
            finite -= v - v == vec{};
        }
        if (n_collected) spend(d, end);
        check(job, block, s, first, end, finite);
    }

    // Put the window's events in the order of their steps; those of one step keep the order they came in.
    static void gather(Block& block, std::int64_t window, std::int64_t first, std::int64_t end) {
        auto const& d = *block.data;
        block.now.clear();
        for (auto e = d.event_row[window]; e < d.event_row[window + 1]; ++e)
            block.now.push_back({d.events[e].step, d.events[e].site, d.events[e].lane, T(d.events[e].weight)});
        auto& coming = block.coming[window];
        block.now.insert(block.now.end(), coming.begin(), coming.end());
        std::vector<Arrival>().swap(coming);
        block.count.assign(end - first + 1, 0);
        for (auto const& a : block.now) ++block.count[a.step - first + 1];
        for (std::int64_t k = 0; k < end - first; ++k) block.count[k + 1] += block.count[k];
        block.sorted.resize(block.now.size());
        for (auto const& a : block.now) block.sorted[block.count[a.step - first]++] = a;
    }

    void check(Job& job, Block const& block, vec const* s, std::int64_t first, std::int64_t end, ivec finite) const {
        if (job.bad_step >= 0) return;
        vec total = vec{};
        for (int i = 0; i < K::n_nodes; ++i) total += s[K::V + i];
        for (int l = 0; l < block.data->n_lanes; ++l) {
            if (std::isfinite(double(total[l]))) continue;
            constexpr int n = sizeof(K::node_of_segment) / sizeof(int);
            for (int i = 0; i < n; ++i) {
                if (std::isfinite(double(s[K::V + K::node_of_segment[i]][l]))) continue;
                job.bad_step = std::min<std::int64_t>(first + finite[l] + 1, end);
                job.bad_gid = data->first_gid + block.data->first_cell + l;
                job.bad_segment = i;
                return;
            }
        }
    }
};

using Maker = Runner* (*)(TemplateData const&, std::int32_t const*, std::int64_t);

// One trial: windows in turn, all blocks within each, then the window's spikes to those that they reach.
static void run_trial(Job& job, Maker const* makers) {
    Clock const clock(job.n_steps, job.dt);
    std::vector<Runner*> runners;
    for (std::int64_t k = 0; k < job.n_templates; ++k)
        runners.push_back(makers[k](job.templates[k], job.templates[k].used, job.templates[k].n_used));
    std::int64_t const n_windows = (job.n_steps + job.window - 1) / job.window;
    std::vector<Block> blocks;
    blocks.reserve(job.n_blocks);
    for (std::int64_t b = 0; b < job.n_blocks; ++b) {
        blocks.push_back(runners[job.blocks[b].template_number]->make(job.blocks[b]));
        blocks.back().coming.resize(n_windows);
    }
    std::vector<Spike> spikes;
    for (std::int64_t w = 0; w < n_windows && !*job.stop && job.bad_step < 0; ++w) {
        spikes.clear();
        for (std::int64_t b = 0; b < job.n_blocks; ++b)
            runners[job.blocks[b].template_number]->run(job, clock, blocks[b], w, spikes);
        std::sort(spikes.begin(), spikes.end(), [](Spike const& a, Spike const& b) {
            return a.time != b.time ? a.time < b.time : a.gid < b.gid;
        });
        for (auto const& spike : spikes) {
            if (job.n_spikes < job.max_spikes) job.spikes[job.n_spikes] = spike;
            ++job.n_spikes;
            for (auto e = job.edge_row[spike.gid]; e < job.edge_row[spike.gid + 1]; ++e) {
                Edge const& edge = job.edges[e];
                auto const step = clock.step_of(spike.time + edge.delay);
                if (step < job.n_steps)
                    blocks[edge.block].coming[step / job.window].push_back(
                        {static_cast<std::int32_t>(step), edge.site, edge.lane, T(edge.weight)});
            }
        }
        *job.progress = std::min(job.n_steps, (w + 1) * job.window);
    }
    for (auto* runner : runners) delete runner;
}
