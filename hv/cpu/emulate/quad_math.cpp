// SPDX-License-Identifier: MIT
#include "hv/cpu/emulate/quad_math.hpp"

#include <bit>
#include <cmath>
#include <cstdint>

namespace ring3 {
namespace {

/// 2^exponent, for exponents that a double has.
Quad power_of_two(int exponent) {
    return std::bit_cast<double>(static_cast<std::uint64_t>(1023 + exponent) << 52);
}

/// Binary digits of a constant behind the point: the first 48, and the 64 and 64 behind them.
struct Digits {
    std::uint64_t first, second, third;
    Quad high() const { return static_cast<Quad>(first) * power_of_two(-48); }
    Quad low() const {
        return static_cast<Quad>(second) * power_of_two(-112) +
               static_cast<Quad>(third) * power_of_two(-176);
    }
    Quad value() const { return high() + low(); }
};

// Halves, so that all of them are below 1: pi / 4 and ln 2.
constexpr Digits quarter_pi{0xc90f'daa2'2168, 0xc234'c4c6'628b'80dc, 0x1cd1'2902'4e08'8a67};
constexpr Digits ln2{0xb172'17f7'd1cf, 0x79ab'c9e3'b398'03f2, 0xf6af'40f3'4326'7298};

/// sum of term(n), each from the one before it by a factor; `terms` are enough for 2^-80.
Quad sin_series(Quad r) {
    Quad term = r, sum = r;
    for (int n = 1; n < 16; ++n) {
        term *= -r * r / static_cast<Quad>(2 * n * (2 * n + 1));
        sum += term;
    }
    return sum;
}

Quad cos_series(Quad r) {
    Quad term = 1, sum = 1;
    for (int n = 1; n < 16; ++n) {
        term *= -r * r / static_cast<Quad>((2 * n - 1) * 2 * n);
        sum += term;
    }
    return sum;
}

/// x = quadrant * pi / 2 + r, |r| <= pi / 4.
Quad reduce(Quad x, unsigned& quadrant) {
    const Quad half_pi = 2 * quarter_pi.value();
    const Quad quotient = x / half_pi;
    const auto nearest = static_cast<__int128>(quotient + (quotient < 0 ? Quad{-0.5} : Quad{0.5}));
    quadrant = static_cast<unsigned>(nearest & 3);
    // At most 64 bits times 48: the first product and difference are exact.
    const auto k = static_cast<Quad>(nearest);
    return (x - k * (2 * quarter_pi.high())) - k * (2 * quarter_pi.low());
}

Quad square_root(Quad v) {
    Quad root = std::sqrt(static_cast<double>(v));
    for (int i = 0; i < 3; ++i) root = (root + v / root) / 2;
    return root;
}

/// 0 <= t <= 1: halving the angle three times leaves t below 0.1.
Quad atan_of(Quad t) {
    for (int i = 0; i < 3; ++i) t = t / (1 + square_root(1 + t * t));
    Quad power = t, sum = t;
    for (int n = 1; n < 16; ++n) {
        power *= -t * t;
        sum += power / static_cast<Quad>(2 * n + 1);
    }
    return 8 * sum;
}

/// log2 of (1 + u) / (1 - u), |u| < 0.18.
Quad log2_ratio(Quad u) {
    Quad power = u, sum = u;
    for (int n = 1; n < 20; ++n) {
        power *= u * u;
        sum += power / static_cast<Quad>(2 * n + 1);
    }
    return 2 * sum / ln2.value();
}

}  // namespace

Quad quad_pi() { return 4 * quarter_pi.value(); }

Quad quad_sin(Quad x) {
    unsigned quadrant = 0;
    const Quad r = reduce(x, quadrant);
    const Quad value = (quadrant & 1) != 0 ? cos_series(r) : sin_series(r);
    return (quadrant & 2) != 0 ? -value : value;
}

Quad quad_cos(Quad x) {
    unsigned quadrant = 0;
    const Quad r = reduce(x, quadrant);
    const Quad value = (quadrant & 1) != 0 ? sin_series(r) : cos_series(r);
    return ((quadrant + 1) & 2) != 0 ? -value : value;
}

Quad quad_atan2(Quad y, Quad x) {
    const Quad ay = y < 0 ? -y : y, ax = x < 0 ? -x : x;
    Quad angle = ay <= ax ? atan_of(ay / ax) : 2 * quarter_pi.value() - atan_of(ax / ay);
    if (x < 0) angle = quad_pi() - angle;
    return y < 0 ? -angle : angle;
}

Quad quad_exp2m1(Quad x) {
    const Quad z = x * ln2.value();
    Quad term = z, sum = z;
    for (int n = 2; n < 28; ++n) {
        term *= z / static_cast<Quad>(n);
        sum += term;
    }
    return sum;
}

Quad quad_log2(Quad x) {
    // x = m * 2^e with m between 1 / sqrt 2 and sqrt 2, near enough.
    int exponent = 0;
    const auto rounded = static_cast<long double>(x);
    static_cast<void>(std::frexp(rounded, &exponent));
    Quad m = static_cast<Quad>(std::ldexp(rounded, -exponent));
    if (m < Quad{0.70710678118654752}) {
        m *= 2;
        --exponent;
    }
    return static_cast<Quad>(exponent) + log2_ratio((m - 1) / (m + 1));
}

Quad quad_log2p1(Quad x) {
    if (x > Quad{-0.3} && x < Quad{0.42}) return log2_ratio(x / (2 + x));
    return quad_log2(1 + x);
}

}  // namespace ring3
