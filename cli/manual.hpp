// SPDX-License-Identifier: MIT
// The manual page ring3(1), made from the verbs' own help.
#pragma once

#include <string>

namespace ring3 {

/// In roff, for man(7). docs/man/ring3.1 is this text.
std::string manual_page();

}  // namespace ring3
