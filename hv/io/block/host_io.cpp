// SPDX-License-Identifier: MIT
#include "hv/io/block/host_io.hpp"

namespace ring3 {
namespace {

class ImmediateIo final : public HostIo {
public:
    void submit(FileOperation operation, Done done) override { done(perform(operation)); }
    void wait_for_all() override {}
};

}  // namespace

std::unique_ptr<HostIo> make_immediate_io() { return std::make_unique<ImmediateIo>(); }

std::unique_ptr<HostIo> HostIo::make(HostPoll* poll) {
    if (poll == nullptr) return make_immediate_io();
    auto io = make_uring_io(*poll);
    return io ? std::move(io) : make_threaded_io(*poll);
}

}  // namespace ring3
