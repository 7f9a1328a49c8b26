// Many candidates for the parameters of NEST's aeif_cond_beta_multisynapse, each given the events of many cells: the
// candidates are the vector lanes, cells are taken one by one. A step: conductances exactly, the potential by
// exponential Euler, adaptation exactly for a frozen potential.
#include "runtime.hpp"

namespace {
enum { C_m, g_L, E_L, V_th, Delta_T, a, b, tau_w, V_reset, t_ref, V_peak, n_one };
enum { gain, saturation, tau_rise, tau_decay, E_rev, n_port };
constexpr int most_ports = 16;

struct Port {
    vec strength, saturation, rise, decay, reversal, up, down;
};

vec unit_peak(vec rise, vec decay) {
    vec const peak = rise * decay / (decay - rise) * log_(decay / rise);
    return splat(1) / (exp_(-peak / decay) - exp_(-peak / rise));
}
}  // namespace

// one: [n_one][n_candidates], port: [n_port][n_ports][n_candidates]; n_candidates is a multiple of the lanes.
// Events are sorted by cell, then step; those of cell c are first[c]..first[c + 1]. Returns the number of spikes, also
// where it is more than there is room for.
extern "C" std::int64_t candidates(int n_candidates, int n_ports, int n_cells, int n_steps, T step, T const* one,
                                   T const* port, std::int64_t const* first, std::int32_t const* event_step,
                                   std::int32_t const* event_port, T const* event_uS, T const* event_count,
                                   std::int64_t room, std::int32_t* spikes) {
    std::int64_t found = 0;
    for (int low = 0; low < n_candidates; low += W) {
        vec p[n_one];
        for (int i = 0; i < n_one; ++i) p[i] = load(one + i * n_candidates + low);
        Port ports[most_ports];
        for (int k = 0; k < n_ports; ++k) {
            auto const value = [&](int i) { return load(port + (i * n_ports + k) * n_candidates + low); };
            vec const rise = value(tau_rise), decay = value(tau_decay);
            ports[k] = {value(gain) * unit_peak(rise, decay) * T(1000), value(saturation), exp_(-step / rise),
                        exp_(-step / decay), value(E_rev), splat(0), splat(0)};
        }
        vec const w_decay = exp_(-step / p[tau_w]), per_capacity = -step / p[C_m];
        for (int c = 0; c < n_cells; ++c) {
            for (int k = 0; k < n_ports; ++k) ports[k].up = ports[k].down = splat(0);
            vec v = p[E_L], w = splat(0), rest = splat(0);
            std::int64_t next = first[c];
            for (int s = 0; s < n_steps; ++s) {
                for (; next < first[c + 1] && event_step[next] <= s; ++next) {
                    Port& at = ports[event_port[next]];
                    T const weight = event_uS[next];
                    vec jump = at.strength * (weight * event_count[next]);
                    jump = select(at.saturation > 0, jump / (1 + weight / vmax(at.saturation, splat(T(1e-9)))), jump);
                    at.up += jump;
                    at.down += jump;
                }
                vec total = p[g_L], current = p[g_L] * p[E_L] - w;
                for (int k = 0; k < n_ports; ++k) {
                    ports[k].up *= ports[k].rise;
                    ports[k].down *= ports[k].decay;
                    vec const g = ports[k].down - ports[k].up;
                    total += g;
                    current += g * ports[k].reversal;
                }
                current += p[g_L] * p[Delta_T] * exp_(vmin((v - p[V_th]) / p[Delta_T], splat(12)));
                vec const target = current / total;
                vec const w_target = p[a] * (v - p[E_L]);
                vec const after = target + (v - target) * exp_(total * per_capacity);
                w = w_target + (w - w_target) * w_decay;
                auto const free = rest <= T(0.5);
                v = select(free, after, p[V_reset]);
                rest -= 1;
                auto const fired = free & (v > p[V_peak]);
                vec const flag = select(fired, splat(1), splat(0));
                if (sum(flag) > 0) {
                    v = select(fired, p[V_reset], v);
                    w += flag * p[b];
                    rest = select(fired, p[t_ref] / step, rest);
                    for (int l = 0; l < W; ++l) {
                        if (flag[l] == 0) continue;
                        if (found < room) {
                            spikes[3 * found] = low + l;
                            spikes[3 * found + 1] = c;
                            spikes[3 * found + 2] = s + 1;
                        }
                        ++found;
                    }
                }
            }
        }
    }
    return found;
}
