// SPDX-License-Identifier: MIT
// A disk that takes no time: what is left of an experiment when the disk is taken out of it.
#include "hv/base/registry.hpp"
#include "hv/io/disk_model/disk_model.hpp"

namespace ring3 {
namespace {

class Instant final : public DiskModel {
public:
    explicit Instant(Params&) {}

    Time completes_at(Time now, const DiskAccess&) override { return now; }
};

const Registered<DiskModel, Instant> entry{"instant", "every command is done at once"};

}  // namespace
}  // namespace ring3
