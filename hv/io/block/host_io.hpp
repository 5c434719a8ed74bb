// SPDX-License-Identifier: MIT
// How disks get at the host's files: in an open world without making the machine's only thread
// wait, in a closed one at once, so that nothing depends on how long the host takes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "hv/io/block/file_operation.hpp"

namespace ring3 {

class HostPoll;

class HostIo {
public:
    /// 0 or an errno.
    using Done = std::function<void(int error)>;

    virtual ~HostIo() = default;
    /// Calls `done` once: from here when the operation needs no waiting, else out of a poll or of
    /// wait_for_all(). The memory of the pieces must stay until then.
    virtual void submit(FileOperation operation, Done done) = 0;
    /// Waits until everything submitted is done, and what that submits, too.
    virtual void wait_for_all() = 0;

    /// For a closed world (`poll` is null): every operation is done inside of submit(). Else by
    /// io_uring, and by threads where the host forbids that.
    static std::unique_ptr<HostIo> make(HostPoll* poll);
};

std::unique_ptr<HostIo> make_immediate_io();
/// Null when the host has no io_uring for us.
std::unique_ptr<HostIo> make_uring_io(HostPoll& poll);
std::unique_ptr<HostIo> make_threaded_io(HostPoll& poll);

}  // namespace ring3
