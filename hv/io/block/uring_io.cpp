// SPDX-License-Identifier: MIT
// HostIo by io_uring: the kernel works on many operations at once, and its ring becomes readable
// when one of them is done. What the host has in its cache is read without it.
#include <algorithm>
#include <cerrno>
#include <climits>
#include <deque>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <liburing.h>
#include <poll.h>

#include "hv/base/check.hpp"
#include "hv/io/block/host_io.hpp"
#include "hv/io/host_poll.hpp"

namespace ring3 {
namespace {

class UringIo final : public HostIo, private Pollable {
public:
    /// Operations that the kernel has at once; more wait here.
    static constexpr unsigned most_in_kernel = 128;

    explicit UringIo(HostPoll& poll) : poll_(poll) {
        is_made_ = ::io_uring_queue_init(most_in_kernel, &ring_, IORING_SETUP_CLAMP) == 0;
        if (is_made_) poll_.add(*this);
    }
    ~UringIo() override {
        if (!is_made_) return;
        wait_for_all();
        poll_.remove(*this);
        ::io_uring_queue_exit(&ring_);
    }
    UringIo(const UringIo&) = delete;
    UringIo& operator=(const UringIo&) = delete;

    bool is_made() const { return is_made_; }

    void submit(FileOperation operation, Done done) override {
        if (operation.kind == FileOperation::Kind::read && read_cached(operation)) return done(0);
        waiting_.push_back(std::make_unique<Job>(Job{std::move(operation), std::move(done)}));
        start_waiting();
    }

    void wait_for_all() override {
        while (in_kernel_ != 0 || !waiting_.empty()) {
            ::io_uring_submit_and_wait(&ring_, 1);
            finish_all();
        }
    }

private:
    struct Job {
        FileOperation operation;
        Done done;
    };

    void prepare(std::vector<pollfd>& descriptors, Duration&) override {
        if (in_kernel_ != 0) descriptors.push_back({ring_.ring_fd, POLLIN, 0});
    }
    void dispatch(std::span<const pollfd>) override { finish_all(); }

    void start_waiting() {
        while (!waiting_.empty() && in_kernel_ < most_in_kernel) {
            io_uring_sqe* const entry = ::io_uring_get_sqe(&ring_);
            if (entry == nullptr) break;
            Job* const job = waiting_.front().release();
            waiting_.pop_front();
            fill(*entry, job->operation);
            ::io_uring_sqe_set_data(entry, job);
            ++in_kernel_;
        }
        // EINTR and EAGAIN leave the entries for the next call, of which there is one as long as
        // anything is in the kernel.
        ::io_uring_submit(&ring_);
    }

    static void fill(io_uring_sqe& entry, const FileOperation& operation) {
        const auto count =
            static_cast<unsigned>(std::min<std::size_t>(operation.pieces.size(), IOV_MAX));
        switch (operation.kind) {
            case FileOperation::Kind::read:
                return ::io_uring_prep_readv(&entry, operation.file, operation.pieces.data(), count,
                                             operation.offset);
            case FileOperation::Kind::write:
                return ::io_uring_prep_writev(&entry, operation.file, operation.pieces.data(),
                                              count, operation.offset);
            case FileOperation::Kind::flush:
                return ::io_uring_prep_fsync(&entry, operation.file, IORING_FSYNC_DATASYNC);
            case FileOperation::Kind::punch_hole:
                return ::io_uring_prep_fallocate(
                    &entry, operation.file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                    static_cast<off_t>(operation.offset), static_cast<off_t>(operation.length));
        }
    }

    void finish_all() {
        io_uring_cqe* completion = nullptr;
        while (::io_uring_peek_cqe(&ring_, &completion) == 0) {
            std::unique_ptr<Job> job(static_cast<Job*>(::io_uring_cqe_get_data(completion)));
            const int result = completion->res;
            ::io_uring_cqe_seen(&ring_, completion);
            --in_kernel_;
            finish(std::move(job), result);
        }
        start_waiting();
    }

    void finish(std::unique_ptr<Job> job, int result) {
        FileOperation& operation = job->operation;
        const bool transfers = operation.kind == FileOperation::Kind::read ||
                               operation.kind == FileOperation::Kind::write;
        bool is_done = true;
        int error = result < 0 ? -result : 0;
        if (error == EINTR || error == EAGAIN) {
            is_done = false;
        } else if (error == 0 && transfers) {
            drop_front(operation.pieces, static_cast<std::uint64_t>(result));
            operation.offset += static_cast<std::uint64_t>(result);
            is_done = result == 0 || operation.pieces.empty();
            if (!operation.pieces.empty()) error = EIO;
        }
        if (is_done)
            job->done(error);
        else
            waiting_.push_front(std::move(job));
    }

    HostPoll& poll_;
    io_uring ring_{};
    bool is_made_ = false;
    unsigned in_kernel_ = 0;
    std::deque<std::unique_ptr<Job>> waiting_;
};

}  // namespace

std::unique_ptr<HostIo> make_uring_io(HostPoll& poll) {
    auto io = std::make_unique<UringIo>(poll);
    return io->is_made() ? std::move(io) : nullptr;
}

}  // namespace ring3
