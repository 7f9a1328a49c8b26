COMMENT
Artificial cell that emits a spike at each of a list of times, which must be positive or zero and sorted in ascending
order. set_times(vector) copies the times; it may be called again between runs. The list starts anew at every
initialisation.

Each event schedules the next one, so that the event queue holds at most one event per source. The translator writes
net_send(x) as t + x: the brackets around x keep the sum from being taken as (t + time) - t, which would blur the times.
ENDCOMMENT

NEURON {
    THREADSAFE
    ARTIFICIAL_CELL EventSource
    RANGE n_events
}

ASSIGNED {
    n_events                  : number of times in the list (read it, don't set it)
    position                  : index of the next time in the list
    list                      : holds the bits of a C pointer to the copied times, not a number
}

VERBATIM
#include <cstring>
#include <vector>

namespace {
// A pointer fits into the 8 bytes of a range variable; NEURON moves and copies such variables without touching them.
std::vector<double>* times_of(double const& bits) {
    std::vector<double>* times;
    std::memcpy(&times, &bits, sizeof(times));
    return times;
}
}  // namespace
ENDVERBATIM

CONSTRUCTOR {
VERBATIM
    auto* const times = new std::vector<double>;
    std::memcpy(&list, &times, sizeof(times));
ENDVERBATIM
}

DESTRUCTOR {
VERBATIM
    delete times_of(list);
ENDVERBATIM
}

INITIAL {
    position = 0
    if (n_events > 0) {
        net_send((next_time() - t), 1)
    }
}

NET_RECEIVE (w) {
    if (flag == 1) {
        net_event(t)
        if (position < n_events) {
            net_send((next_time() - t), 1)
        }
    }
}

FUNCTION next_time() (ms) {
VERBATIM
    _lnext_time = (*times_of(list))[static_cast<std::size_t>(position)];
    position += 1.;
ENDVERBATIM
}

PROCEDURE set_times() {
VERBATIM
    auto* const source = vector_arg(1);
    double const* const data = vector_vec(source);
    times_of(list)->assign(data, data + vector_capacity(source));
    n_events = static_cast<double>(times_of(list)->size());
ENDVERBATIM
}
