// SPDX-License-Identifier: MIT
// Elementary functions in IEEE binary128, from additions, multiplications and divisions alone: the
// same on every host, and good to more bits than an x87 register has.
#pragma once

namespace ring3 {

using Quad = __float128;

/// |x| < 2^63.
Quad quad_sin(Quad x);
Quad quad_cos(Quad x);
/// In (-pi, pi]; not both are zero, both are finite.
Quad quad_atan2(Quad y, Quad x);
/// 2^x - 1, |x| <= 1.
Quad quad_exp2m1(Quad x);
/// x > 0.
Quad quad_log2(Quad x);
/// log2(1 + x), x > -1: exact in the neighbourhood of 0.
Quad quad_log2p1(Quad x);
Quad quad_pi();

}  // namespace ring3
