// SPDX-License-Identifier: MIT
// FSIN, FCOS, FSINCOS, FPTAN, FPATAN, F2XM1, FYL2X, FYL2XP1. CPUs differ in their last bits; here
// each gives the true value rounded to nearest, whatever RC says. C1 is 0; special operands follow
// the tables of SDM vol. 2.
#include <Zydis/Mnemonic.h>

#include <array>
#include <cmath>
#include <limits>

#include "hv/cpu/emulate/emulate.hpp"
#include "hv/cpu/emulate/quad_math.hpp"

namespace ring3 {
namespace {

// In the FXSAVE image; registers count from the top of the stack, tags do not.
constexpr std::size_t control_at = 0, status_at = 2, tag_at = 4, x87_at = 32;

namespace fsw {
constexpr unsigned ie = 1, de = 2, ze = 4, oe = 8, ue = 16, pe = 32, sf = 64, es = 128, c1 = 0x200,
                   c2 = 0x400, busy = 0x8000, exceptions = 63;
}

/// A register as it is encoded: 64 bits of significand with its leading one, sign and exponent.
struct Register80 {
    std::uint64_t significand = 0;
    std::uint16_t head = 0;

    bool negative() const { return (head & 0x8000) != 0; }
    unsigned exponent() const { return head & 0x7fffu; }
    bool leading_one() const { return (significand >> 63) != 0; }
    bool is_zero() const { return exponent() == 0 && significand == 0; }
    bool is_denormal() const { return exponent() == 0 && significand != 0; }
    bool is_special() const { return exponent() == 0x7fff; }
    bool is_infinite() const { return is_special() && significand == 1ull << 63; }
    bool is_nan() const { return is_special() && leading_one() && !is_infinite(); }
    bool is_signalling() const { return is_nan() && (significand >> 62 & 1) == 0; }
    /// Unnormals and the like: no number since the 387.
    bool is_unsupported() const { return exponent() != 0 && !leading_one(); }

    long double value() const {
        // A pseudo-denormal is a normal number with an unusual exponent; not all of libgcc knows.
        Register80 normal = *this;
        if (exponent() == 0 && leading_one()) normal.head |= 1;
        long double v = 0;
        normal.store(&v);
        return v;
    }
    void store(void* to) const {
        std::memcpy(to, &significand, 8);
        std::memcpy(static_cast<std::byte*>(to) + 8, &head, 2);
    }
    static Register80 load(const void* from) {
        Register80 r;
        std::memcpy(&r.significand, from, 8);
        std::memcpy(&r.head, static_cast<const std::byte*>(from) + 8, 2);
        return r;
    }
    static Register80 of(long double v) { return load(&v); }
    static Register80 indefinite() { return {3ull << 62, 0xffff}; }
    static Register80 infinity(bool negative) {
        return {1ull << 63, static_cast<std::uint16_t>(negative ? 0xffff : 0x7fff)};
    }
    static Register80 zero(bool negative) {
        return {0, static_cast<std::uint16_t>(negative ? 0x8000 : 0)};
    }
};

/// What a function gives: a value, and the exceptions that it raises.
struct Result {
    Register80 value;
    unsigned raised = 0;
};

Result exact(Register80 value) { return {value, 0}; }
Result invalid() { return {Register80::indefinite(), fsw::ie}; }

/// These functions of numbers other than their special operands are irrational, also where the
/// difference is beyond a Quad.
Result rounded(Quad q, bool irrational = true) {
    const auto value = static_cast<long double>(q);
    unsigned raised = !irrational && static_cast<Quad>(value) == q ? 0 : fsw::pe;
    if (std::isinf(value)) raised |= fsw::oe | fsw::pe;
    if (raised != 0 && std::fabs(value) < std::numeric_limits<long double>::min())
        raised |= fsw::ue;
    return {Register80::of(value), raised};
}

/// Of one NaN or two: the one with the larger significand, quieted (SDM vol. 1, table 4-7).
Result propagate(const Register80& a, const Register80& b) {
    Register80 nan = !b.is_nan() || (a.is_nan() && a.significand > b.significand) ? a : b;
    if (a.is_nan() && b.is_nan() && a.significand == b.significand) nan = a.negative() ? b : a;
    const bool signalling = a.is_signalling() || b.is_signalling();
    nan.significand |= 1ull << 62;
    return {nan, signalling ? fsw::ie : 0};
}

Result exponential(const Register80& x) {
    if (x.is_zero()) return exact(x);
    if (x.is_infinite()) return exact(x.negative() ? Register80::of(-1) : x);
    // Outside of -1 to 1 the result is undefined: the operand.
    if (std::fabs(x.value()) > 1) return exact(x);
    return rounded(quad_exp2m1(x.value()));
}

/// y * log2(x), or y * log2(1 + x).
Result logarithm(const Register80& x, const Register80& y, bool plus_one) {
    const long double argument = plus_one ? x.value() + 1 : x.value();
    const bool is_one = plus_one ? x.is_zero() : argument == 1;
    if (plus_one ? x.value() < -1 : x.negative() && !x.is_zero()) return invalid();
    if (plus_one ? x.value() == -1 : x.is_zero()) {
        if (y.is_zero()) return invalid();
        const auto infinite = Register80::infinity(!y.negative());
        return {infinite, y.is_infinite() ? 0 : fsw::ze};
    }
    if (is_one) {
        if (y.is_infinite()) return invalid();
        return exact(Register80::zero(y.negative() != (plus_one && x.negative())));
    }
    const bool negative = plus_one ? x.negative() : argument < 1;
    if (x.is_infinite() || y.is_infinite()) {
        if (y.is_zero()) return invalid();
        return exact(Register80::infinity(y.negative() != negative));
    }
    if (y.is_zero()) return exact(Register80::zero(y.negative() != negative));
    const Quad log = plus_one ? quad_log2p1(x.value()) : quad_log2(x.value());
    const bool power_of_two = !plus_one && x.significand << 1 == 0;
    return rounded(static_cast<Quad>(y.value()) * log, !power_of_two);
}

Result arctangent(const Register80& y, const Register80& x) {
    const Quad pi = quad_pi();
    Quad angle = 0;
    if (y.is_zero() || (x.is_infinite() && !y.is_infinite())) {
        if (!x.negative()) return exact(Register80::zero(y.negative()));
        angle = pi;
    } else if (y.is_infinite() || x.is_zero()) {
        angle = !x.is_infinite() ? pi / 2 : x.negative() ? 3 * pi / 4 : pi / 4;
    } else {
        return rounded(quad_atan2(y.value(), x.value()));
    }
    return rounded(y.negative() ? -angle : angle);
}

Result trigonometric(const Register80& x, Quad (*function)(Quad), bool odd) {
    if (x.is_infinite()) return invalid();
    if (x.is_zero()) return exact(odd ? x : Register80::of(1));
    return rounded(function(x.value()));
}

Quad quad_tan(Quad x) { return quad_sin(x) / quad_cos(x); }

/// The x87 part of a saved image, for one instruction.
class X87 {
public:
    explicit X87(CpuState& state) : image_(state.xsave.data()) {
        std::memcpy(&control_, image_ + control_at, 2);
        std::memcpy(&status_, image_ + status_at, 2);
    }

    bool exception_is_pending() const { return (status_ & fsw::es) != 0; }
    Register80 get(unsigned i) const { return Register80::load(image_ + x87_at + 16 * i); }
    bool is_empty(unsigned i) const { return (tags() >> physical(i) & 1) == 0; }
    void clear(unsigned bits) { status_ = static_cast<std::uint16_t>(status_ & ~bits); }
    void set(unsigned bits) { status_ = static_cast<std::uint16_t>(status_ | bits); }
    /// False: one of them is not masked, and becomes pending.
    bool raise(unsigned bits) {
        set(bits);
        if ((bits & fsw::exceptions & ~control_) == 0) return true;
        set(fsw::es | fsw::busy);
        return false;
    }
    void put(unsigned i, const Register80& r) {
        r.store(image_ + x87_at + 16 * i);
        image_[tag_at] |= std::byte(1u << physical(i));
    }
    void push(const Register80& r) {
        turn(7);
        put(0, r);
    }
    void pop() {
        image_[tag_at] &= std::byte(~(1u << physical(0)) & 0xff);
        turn(1);
    }
    void save() { std::memcpy(image_ + status_at, &status_, 2); }

private:
    unsigned top() const { return status_ >> 11 & 7; }
    unsigned physical(unsigned i) const { return (top() + i) & 7; }
    unsigned tags() const { return std::to_integer<unsigned>(image_[tag_at]); }
    /// The register that was ST(by) becomes ST(0).
    void turn(unsigned by) {
        std::array<std::byte, 128> old;
        std::memcpy(old.data(), image_ + x87_at, old.size());
        for (std::size_t i = 0; i < 8; ++i)
            std::memcpy(image_ + x87_at + 16 * i, old.data() + (i + by) % 8 * 16, 16);
        status_ = static_cast<std::uint16_t>((status_ & ~0x3800u) | ((top() + by) & 7) << 11);
    }

    std::byte* image_;
    std::uint16_t control_ = 0, status_ = 0;
};

struct Function {
    bool two_operands = false;   ///< ST(1) too; the result takes its place, and ST(0) is popped
    bool two_results = false;    ///< the second is pushed
    bool trigonometric = false;  ///< C2: out of range
};

Function classify(const Insn& insn) {
    switch (insn.mnemonic) {
        case ZYDIS_MNEMONIC_FYL2X:
        case ZYDIS_MNEMONIC_FYL2XP1:
        case ZYDIS_MNEMONIC_FPATAN:
            return {.two_operands = true};
        case ZYDIS_MNEMONIC_FPTAN:
        case ZYDIS_MNEMONIC_FSINCOS:
            return {.two_results = true, .trigonometric = true};
        case ZYDIS_MNEMONIC_F2XM1:
            return {};
        default:
            return {.trigonometric = true};
    }
}

Result first_result(const Insn& insn, const Register80& x, const Register80& y) {
    switch (insn.mnemonic) {
        case ZYDIS_MNEMONIC_F2XM1:
            return exponential(x);
        case ZYDIS_MNEMONIC_FYL2X:
            return logarithm(x, y, false);
        case ZYDIS_MNEMONIC_FYL2XP1:
            return logarithm(x, y, true);
        case ZYDIS_MNEMONIC_FPATAN:
            return arctangent(y, x);
        case ZYDIS_MNEMONIC_FCOS:
            return trigonometric(x, quad_cos, false);
        case ZYDIS_MNEMONIC_FPTAN:
            return trigonometric(x, quad_tan, true);
        default:
            return trigonometric(x, quad_sin, true);
    }
}

Result second_result(const Insn& insn, const Register80& x) {
    if (x.is_infinite()) return invalid();
    if (insn.mnemonic == ZYDIS_MNEMONIC_FPTAN) return exact(Register80::of(1));
    return trigonometric(x, quad_cos, false);
}

void execute(const Insn& insn, X87& x87) {
    const Function f = classify(insn);
    x87.clear(fsw::c1 | (f.trigonometric ? fsw::c2 : 0));
    const auto give = [&](const Register80& first, const Register80& second) {
        if (f.two_operands) x87.pop();
        x87.put(0, first);
        if (f.two_results) x87.push(second);
    };
    if (x87.is_empty(0) || (f.two_operands && x87.is_empty(1))) {
        if (x87.raise(fsw::ie | fsw::sf)) give(Register80::indefinite(), Register80::indefinite());
        return;
    }
    if (f.two_results && !x87.is_empty(7)) {
        x87.set(fsw::c1);
        if (x87.raise(fsw::ie | fsw::sf)) give(Register80::indefinite(), Register80::indefinite());
        return;
    }
    const Register80 x = x87.get(0);
    const Register80 y = f.two_operands ? x87.get(1) : Register80::of(1);
    if (x.is_unsupported() || y.is_unsupported()) {
        if (x87.raise(fsw::ie)) give(Register80::indefinite(), Register80::indefinite());
        return;
    }
    if (x.is_nan() || y.is_nan()) {
        const Result nan = propagate(x, y);
        if (x87.raise(nan.raised)) give(nan.value, nan.value);
        return;
    }
    constexpr long double range = 0x1p63L;
    if (f.trigonometric && !x.is_infinite() && std::fabs(x.value()) >= range) {
        x87.set(fsw::c2);
        return;
    }
    const Result first = first_result(insn, x, y);
    const Result second = f.two_results ? second_result(insn, x) : first;
    unsigned raised = first.raised | second.raised;
    constexpr unsigned before_the_operation = fsw::ie | fsw::de | fsw::ze;
    if ((x.is_denormal() || y.is_denormal()) && (raised & (fsw::ie | fsw::ze)) == 0)
        raised |= fsw::de;
    if (!x87.raise(raised & before_the_operation)) return;
    x87.raise(raised);
    give(first.value, second.value);
}

}  // namespace

std::optional<Emulated> emulate_transcendental(const Insn& insn, EmulationContext& c) {
    switch (insn.mnemonic) {
        case ZYDIS_MNEMONIC_F2XM1:
        case ZYDIS_MNEMONIC_FYL2X:
        case ZYDIS_MNEMONIC_FYL2XP1:
        case ZYDIS_MNEMONIC_FPTAN:
        case ZYDIS_MNEMONIC_FPATAN:
        case ZYDIS_MNEMONIC_FSIN:
        case ZYDIS_MNEMONIC_FCOS:
        case ZYDIS_MNEMONIC_FSINCOS:
            break;
        default:
            return {};
    }
    if ((c.state.cr0 & cr0::ts) != 0) return fault_exception(7);
    X87 x87(c.state);
    if (x87.exception_is_pending()) return fault_exception(16);
    execute(insn, x87);
    x87.save();
    return retire(insn, c);
}

}  // namespace ring3
