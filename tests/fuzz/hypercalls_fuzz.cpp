// SPDX-License-Identifier: MIT
// Any hypercalls with any arguments, and any exits between them: the domain answers, crashes or
// shuts down, and nothing else happens. The input is a list of steps; a step of an argument gives
// numbers that are likely to mean something (addresses and frames of the domain) as often as wild
// ones.
#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "hv/memory/accounting_check.hpp"
#include "tests/hv/domain/small_domain.hpp"

namespace {

using namespace ring3;

class Input {
public:
    explicit Input(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

    bool is_empty() const { return bytes_.empty(); }
    std::uint8_t byte() {
        if (bytes_.empty()) return 0;
        const std::uint8_t first = bytes_.front();
        bytes_ = bytes_.subspan(1);
        return first;
    }
    std::uint64_t number(unsigned size) {
        std::uint64_t value = 0;
        for (unsigned i = 0; i < size; ++i) value |= std::uint64_t{byte()} << (8 * i);
        return value;
    }

private:
    std::span<const std::uint8_t> bytes_;
};

std::uint64_t argument(Input& input, SmallDomain& small) {
    const std::uint8_t kind = input.byte();
    const std::uint64_t some_mfn = small.p2m[input.byte() % small.p2m.size()].raw;
    switch (kind % 16) {
        case 0:
            return 0;
        case 1:
            return input.byte();
        case 2:
            return DOMID_SELF;
        case 3:
            return some_mfn;
        case 4:  // an entry of a table, or any other machine address, with a command
            return some_mfn << page_shift | (input.number(2) & ~page_mask);
        case 5:  // what an entry could be
            return some_mfn << page_shift | input.byte();
        case 6:
            return SmallDomain::table_va + input.number(2) % (4 * page_size);
        case 7:
            return SmallDomain::unmapped_va;
        case 8:
            return MACH2PHYS_VIRT_START + input.number(4);
        case 9:
            return input.number(8);
        case 10:
            return small.domain.shared_info().raw << page_shift | (input.number(2) & ~page_mask);
        case 11:
            return std::uint64_t{input.byte()} << (kind / 16 * 4);
        default:
            return SmallDomain::data_va + (input.number(2) & 0x1fff8);
    }
}

/// Puts words of the input where arguments point to.
void fill(Input& input, SmallDomain& small) {
    const std::uint64_t at = SmallDomain::data_va + (input.number(2) & 0x1fff8);
    const unsigned count = input.byte() % 16;
    for (unsigned i = 0; i < count; ++i) {
        const std::uint64_t word = argument(input, small);
        static_cast<void>(write_guest(small.vcpu().kernel_space(), Vaddr{at + i * 8}, word));
    }
}

void leave(Input& input, SmallDomain& small, std::uint32_t vcpu) {
    constexpr std::array reasons{Exit::Reason::syscall, Exit::Reason::exception,
                                 Exit::Reason::interrupt, Exit::Reason::budget_spent};
    Exit exit;
    exit.reason = reasons[input.byte() % reasons.size()];
    exit.vector = input.byte();
    exit.length = 2;
    exit.has_error_code = (input.byte() & 1) != 0;
    exit.address = argument(input, small);
    small.leave(exit, vcpu);
}

void step(Input& input, SmallDomain& small) {
    const std::uint32_t id = input.byte() % small.domain.vcpu_count();
    Vcpu& vcpu = small.vcpu(id);
    switch (input.byte() % 8) {
        case 0:
            fill(input, small);
            break;
        case 1:
            small.hypervisor.time += Duration{static_cast<std::int64_t>(input.number(4))};
            vcpu.timer_expired(small.hypervisor.time);
            break;
        case 2:
            vcpu.prepare_to_run();
            break;
        case 3:
            vcpu.cpu.reg(Gpr::rsp) = argument(input, small);
            break;
        case 4:
            if (vcpu.is_runnable()) leave(input, small, id);
            break;
        default:
            if (!vcpu.is_runnable()) {
                vcpu.unblock();
            } else if (vcpu.cpu.kernel_mode) {
                std::array<std::uint64_t, 6> arguments;
                const std::uint8_t number = input.byte();
                for (std::uint64_t& each : arguments) each = argument(input, small);
                small.hypercall(number, arguments, id);
            } else {
                vcpu.toggle_guest_mode();
            }
            break;
    }
}

/// Every reference of every frame is one that somebody is known to hold.
void check_accounting(SmallDomain& small) {
    OutsideReferences held;
    small.add_references(held);
    const auto wrong = check_page_accounting(small.frames, held);
    HV_CHECK(!wrong, wrong->c_str());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input{{data, size}};
    SmallDomain small{2};
    for (int steps = 0; steps < 200 && !input.is_empty(); ++steps) {
        if (small.domain.shutdown_reason()) break;
        step(input, small);
    }
    check_accounting(small);
    small.domain.release_memory();
    HV_CHECK(small.frames.free() == small.frames.total(), "frames stay behind");
    return 0;
}
