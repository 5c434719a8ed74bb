// SPDX-License-Identifier: MIT
// No link at all: what one end sends the other has.
#include "hv/base/registry.hpp"
#include "hv/io/link_model/link_model.hpp"

namespace ring3 {
namespace {

class Ideal final : public LinkModel {
public:
    Ideal(Params&, std::uint64_t) {}

    bool is_ideal() const override { return true; }
    std::optional<Time> arrival(Time now, std::size_t) override { return now; }
};

const Registered<LinkModel, Ideal> entry{"ideal", "frames pass at once, whole and unsegmented"};

}  // namespace
}  // namespace ring3
