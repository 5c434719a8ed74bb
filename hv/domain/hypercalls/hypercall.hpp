// SPDX-License-Identifier: MIT
// What a hypercall is given and answers, and how its handler is found by number.
#pragma once

#include <array>
#include <cstdint>

#include "hv/trace/schema.hpp"

namespace ring3 {

class Vcpu;

/// In the order of the ABI: RDI, RSI, RDX, R10, R8, R9.
using HypercallArguments = std::array<std::uint64_t, 6>;

struct HypercallResult {
    enum class Kind : std::uint8_t {
        value,           ///< goes to RAX: 0, a number, or a negative errno
        state_replaced,  ///< all registers are as they shall be (iret)
        again,           ///< a long call: to be made once more, with `arguments`
    };
    Kind kind = Kind::value;
    std::int64_t value = 0;
    HypercallArguments arguments{};

    HypercallResult(std::int64_t v) : value(v) {}  // NOLINT: a plain number is the usual answer
    static HypercallResult state_replaced() {
        HypercallResult result{0};
        result.kind = Kind::state_replaced;
        return result;
    }
    static HypercallResult again(const HypercallArguments& arguments) {
        HypercallResult result{0};
        result.kind = Kind::again;
        result.arguments = arguments;
        return result;
    }
};

/// Works on behalf of `caller`, in guest kernel mode. Whatever the arguments are, the answer is one
/// that Xen could give.
using Hypercall = HypercallResult (*)(Vcpu& caller, const HypercallArguments& arguments);

/// Null: no hypercall has this number.
Hypercall find_hypercall(std::uint64_t number);

/// Whether the call by this number concerns its vCPU and its domain's memory alone: no timer, no
/// event, no other vCPU, and the caller stays able to run.
bool is_local_hypercall(std::uint64_t number);

/// Records a call that was made.
void note_hypercall(Vcpu& vcpu, trace::Event event, std::uint64_t number,
                    const HypercallResult& result, std::uint64_t first_argument);

/// SYSCALL in guest kernel mode has just retired: acts on RAX and the argument registers. False:
/// all registers are other ones now (iret), so that nothing returns to behind the SYSCALL.
bool do_hypercall(Vcpu& vcpu);

/// How many items a call may work on before it returns to the guest, RIP at the SYSCALL again and
/// its arguments moved on, as Xen does when it is preempted. Far above what a guest asks for in
/// one batch; bounds the time in which the machine hears nothing else.
constexpr std::uint64_t items_per_call = 16384;

}  // namespace ring3
