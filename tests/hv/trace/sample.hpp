// SPDX-License-Identifier: MIT
// A trace of two vCPUs on two pCPUs, small enough to be checked by hand.
#pragma once

#include "hv/trace/file.hpp"

namespace ring3::trace {

inline File sample() {
    constexpr std::uint64_t running = 0, runnable = 1, blocked = 2, offline = 3, why_blocked = 3,
                            slice_spent = 0, sched_op = 29;
    const auto of = [](std::uint64_t time, std::uint16_t pcpu, std::uint16_t domain, Event event,
                       std::uint64_t first = 0, std::uint64_t second = 0, std::uint64_t third = 0) {
        return Record{time, pcpu, domain, 0, event, {first, second, third}};
    };
    File file;
    file.classes = all_classes();
    file.is_virtual = true;
    file.is_complete = true;
    file.records = {
        of(0, 0, 1, Event::wake),
        of(0, 0, 1, Event::runstate, offline, runnable, 0),
        of(10, 0, 1, Event::run, 50),
        of(10, 0, 1, Event::runstate, runnable, running, 10),
        of(20, 1, 2, Event::run, 40),
        of(25, 0, 1, Event::hypercall, sched_op, 0, 1),
        of(30, 0, 1, Event::runstate, running, blocked, 20),
        of(30, 0, 1, Event::stop, 20, why_blocked),
        {30, 0, idle_domain, no_vcpu, Event::idle, {}},
        {35, 0, 1, no_vcpu, Event::block_read, {51712, 4096, 512}},
        of(60, 1, 2, Event::stop, 40, slice_spent),
        of(60, 0, 1, Event::wake),
        of(60, 0, 1, Event::runstate, blocked, runnable, 30),
        of(70, 0, 1, Event::run, 50),
        of(70, 0, 1, Event::runstate, runnable, running, 10),
        {100, 0, 1, no_vcpu, Event::domain_end, {3, 0, 0}},
    };
    return file;
}

}  // namespace ring3::trace
