// SPDX-License-Identifier: MIT
// What every file looks like, as far as a formatter does not see to it.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tests/repo/source_tree.hpp"

namespace ring3::repo {

/// Line 1, or 2 under a `#!`, is the licence's tag.
Breaches spdx_breaches(const SourceFile& file);

/// A header guards itself by `#pragma once`, and says in the lines under its tag what it is.
Breaches header_breaches(const SourceFile& file);

/// A `.cpp`, and the test of a header, includes its own header before all others: that proves that
/// the header needs nothing before it, and says what the file is about.
Breaches own_header_breaches(const SourceFile& file, const std::set<std::string>& paths);

/// At most 100 columns, no tabs, no blanks at the end, no carriage returns.
Breaches line_breaches(const SourceFile& file);

/// No path that only one machine has.
Breaches path_breaches(const SourceFile& file);

/// A README is short: at most 30 lines, the first of them a title.
Breaches readme_breaches(const SourceFile& file);

/// The folders of the layout that have files but no README.md.
Breaches folders_without_readme(const std::vector<std::string>& paths);

}  // namespace ring3::repo
