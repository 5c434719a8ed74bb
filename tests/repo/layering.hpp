// SPDX-License-Identifier: MIT
// Who may include whom, and which folder is the one door of each third-party library.
#pragma once

#include "tests/repo/source_tree.hpp"

namespace ring3::repo {

/// Every #include of a C++ file that its folder may not have.
Breaches layering_breaches(const SourceFile& file);

/// Every use of a name that its folder may not have: host clocks, random devices, longjmp.
Breaches determinism_breaches(const SourceFile& file);

}  // namespace ring3::repo
