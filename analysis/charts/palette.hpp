// SPDX-License-Identifier: MIT
// Colours that people with any colour vision tell apart (Okabe and Ito 2008), each platform having
// the same one in every chart, and a point of its own form beside it.
#pragma once

#include <map>
#include <string>

namespace ring3::analysis {

struct Look {
    std::string colour;  ///< "#0072B2"
    int point = 7;       ///< gnuplot's pt
};

class Palette final {
public:
    /// The look of `name`. Where `kind` (ring3, native, uml...) has a colour of its own, the first
    /// name of that kind gets it; all others get the next one that nobody has.
    Look look(const std::string& name, const std::string& kind = "");

private:
    std::map<std::string, Look> given_;
};

}  // namespace ring3::analysis
