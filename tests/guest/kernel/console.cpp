// SPDX-License-Identifier: MIT
#include "tests/guest/kernel/console.hpp"

#include "hv/abi/console_ring.hpp"
#include "hv/abi/event_channel.hpp"
#include "hv/abi/sched.hpp"
#include "tests/guest/kernel/domain.hpp"
#include "tests/guest/kernel/hypercall.hpp"
#include "tests/guest/kernel/pages.hpp"

namespace guest {
namespace {

const char* group = "";
xencons_interface* ring = nullptr;

std::size_t length(const char* text) {
    std::size_t n = 0;
    while (text[n] != '\0') ++n;
    return n;
}

void write_ring(const char* text, std::size_t size) {
    auto& produced = reinterpret_cast<volatile XENCONS_RING_IDX&>(ring->out_prod);
    auto& consumed = reinterpret_cast<volatile XENCONS_RING_IDX&>(ring->out_cons);
    evtchn_send send{start()->console.domU.evtchn};
    for (std::size_t i = 0; i < size; ++i) {
        while (produced - consumed == sizeof ring->out) {
            hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send);
            hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, nullptr);
        }
        ring->out[MASK_XENCONS_IDX(produced, ring->out)] = text[i];
        asm volatile("" ::: "memory");
        produced = produced + 1;
    }
    hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send);
}

void write(const char* text, std::size_t size) {
    if (ring != nullptr) {
        write_ring(text, size);
    } else {
        hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, size, text);
    }
}

}  // namespace

void start_console() {
    if (!is_dom0()) {
        ring = static_cast<xencons_interface*>(page_of_mfn(start()->console.domU.mfn));
    }
}

void print(const char* text) { write(text, length(text)); }

void set_group(const char* name) { group = name; }

Line::Line(const char* name) { text(group).text("/").text(name).text(":"); }

Line::~Line() {
    buffer_[length_] = '\n';
    write(buffer_, length_ + 1);
}

Line& Line::text(const char* s) {
    while (*s != '\0' && length_ + 1 < capacity) buffer_[length_++] = *s++;
    return *this;
}

Line& Line::number(long value) {
    char digits[24];
    char* p = digits + sizeof digits;
    *--p = '\0';
    // The magnitude of the smallest long fits only without its sign.
    auto magnitude =
        value < 0 ? 0 - static_cast<unsigned long>(value) : static_cast<unsigned long>(value);
    do {
        *--p = static_cast<char>('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude != 0);
    if (value < 0) *--p = '-';
    return text(" ").text(p);
}

Line& Line::hex(std::uint64_t value) {
    char digits[20];
    char* p = digits + sizeof digits;
    *--p = '\0';
    do {
        *--p = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value != 0);
    return text(" ").text(p);
}

void report(const char* name, long value) { Line(name).number(value); }
void report_hex(const char* name, std::uint64_t value) { Line(name).hex(value); }
void report_bool(const char* name, bool value) { Line(name).text(value ? " yes" : " no"); }

}  // namespace guest
