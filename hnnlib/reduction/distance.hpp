// Squared distances of spike trains that are smoothed by decaying exponentials (van Rossum 2001), in closed form between
// spikes: cell by cell, and of the sums over the cells of a group.
#include <cmath>
#include <cstdint>
#include <vector>

// spikes: [n_spikes][candidate, cell, step], of each candidate and cell in the order of time; those of the real cell c
// are real_step[real_first[c]..real_first[c + 1]]. Results are [n_candidates][n_groups][n_widths] (count:
// [n_candidates][n_groups]); a spike alone adds 1 to trains.
extern "C" void distances(int n_candidates, int n_cells, int n_steps, int n_groups, std::int32_t const* group,
                          std::int64_t n_spikes, std::int32_t const* spikes, std::int64_t const* real_first,
                          std::int32_t const* real_step, int n_widths, double const* width_steps, double* trains,
                          double* rates, double* count) {
    std::vector<std::int64_t> first(std::int64_t(n_candidates) * n_cells + 1, 0);
    for (std::int64_t i = 0; i < n_spikes; ++i) ++first[std::int64_t(spikes[3 * i]) * n_cells + spikes[3 * i + 1] + 1];
    for (std::size_t k = 1; k < first.size(); ++k) first[k] += first[k - 1];
    std::vector<std::int32_t> own(n_spikes);
    std::vector<std::int64_t> next(first.begin(), first.end() - 1);
    for (std::int64_t i = 0; i < n_spikes; ++i)
        own[next[std::int64_t(spikes[3 * i]) * n_cells + spikes[3 * i + 1]]++] = spikes[3 * i + 2];
    std::vector<double> rate(std::int64_t(n_groups) * (n_steps + 2));
    for (int k = 0; k < n_candidates; ++k) {
        std::fill(rate.begin(), rate.end(), 0.0);
        for (int c = 0; c < n_cells; ++c) {
            std::int64_t const low = first[std::int64_t(k) * n_cells + c], high = first[std::int64_t(k) * n_cells + c + 1];
            int const g = group[c];
            double* summed = rate.data() + std::int64_t(g) * (n_steps + 2);
            for (std::int64_t i = low; i < high; ++i) summed[own[i] <= n_steps ? own[i] : n_steps + 1] += 1;
            for (std::int64_t j = real_first[c]; j < real_first[c + 1]; ++j)
                summed[real_step[j] <= n_steps ? real_step[j] : n_steps + 1] -= 1;
            count[k * n_groups + g] += double(high - low);
            for (int w = 0; w < n_widths; ++w) {
                double const width = width_steps[w];
                double x = 0, total = 0;
                std::int64_t i = low, j = real_first[c];
                int last = 0;
                while (i < high || j < real_first[c + 1]) {
                    bool const mine = j == real_first[c + 1] || (i < high && own[i] <= real_step[j]);
                    int const now = mine ? own[i++] : real_step[j++];
                    double const decay = std::exp(-(now - last) / width);
                    total += x * x * (1 - decay * decay);
                    x = x * decay + (mine ? 1 : -1);
                    last = now;
                }
                trains[(std::int64_t(k) * n_groups + g) * n_widths + w] += total + x * x;
            }
        }
        for (int g = 0; g < n_groups; ++g) {
            double const* summed = rate.data() + std::int64_t(g) * (n_steps + 2);
            for (int w = 0; w < n_widths; ++w) {
                double const decay = std::exp(-1 / width_steps[w]);
                double x = 0, total = 0;
                for (int s = 0; s < n_steps + 2; ++s) {
                    total += x * x * (1 - decay * decay);
                    x = x * decay + summed[s];
                }
                rates[(std::int64_t(k) * n_groups + g) * n_widths + w] += total + x * x;
            }
        }
    }
}
