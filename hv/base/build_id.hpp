// SPDX-License-Identifier: MIT
// Which build of a program runs: what one build keeps on disk in the form of its own structures,
// no other one may read.
#pragma once

#include <string>

namespace ring3 {

/// The build ID that the linker left in the running program (ELF note NT_GNU_BUILD_ID), in
/// hexadecimal digits; empty: there is none.
std::string build_id();

}  // namespace ring3
