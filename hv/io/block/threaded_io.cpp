// SPDX-License-Identifier: MIT
// HostIo by a few threads that wait in the machine's stead, for hosts without io_uring. They come
// with the first operations that need them and go with the machine; they make system calls and
// nothing else. What the host has in its cache is read without them.
#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <csignal>

#include "hv/io/block/host_io.hpp"
#include "hv/io/host_poll.hpp"

namespace ring3 {
namespace {

class ThreadedIo final : public HostIo, private Pollable {
public:
    static constexpr std::size_t most_threads = 4;

    explicit ThreadedIo(HostPoll& poll)
        : poll_(poll), event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        if (event_ < 0)
            throw std::system_error{errno, std::generic_category(), "cannot make an eventfd"};
        poll_.add(*this);
    }
    ~ThreadedIo() override {
        wait_for_all();
        poll_.remove(*this);
        {
            const std::lock_guard guard(lock_);
            is_ending_ = true;
        }
        work_came_.notify_all();
        for (std::thread& thread : threads_) thread.join();
        ::close(event_);
    }
    ThreadedIo(const ThreadedIo&) = delete;
    ThreadedIo& operator=(const ThreadedIo&) = delete;

    void submit(FileOperation operation, Done done) override {
        if (operation.kind == FileOperation::Kind::read && read_cached(operation)) return done(0);
        ++in_flight_;
        if (threads_.size() < std::min(in_flight_, most_threads)) add_thread();
        {
            const std::lock_guard guard(lock_);
            todo_.push_back({std::move(operation), std::move(done), 0});
        }
        work_came_.notify_one();
    }

    void wait_for_all() override {
        while (in_flight_ != 0) {
            {
                std::unique_lock guard(lock_);
                work_done_.wait(guard, [this] { return !done_.empty(); });
            }
            finish_all();
        }
    }

private:
    struct Job {
        FileOperation operation;
        Done done;
        int error;
    };

    void prepare(std::vector<pollfd>& descriptors, Duration&) override {
        if (in_flight_ != 0) descriptors.push_back({event_, POLLIN, 0});
    }
    void dispatch(std::span<const pollfd>) override { finish_all(); }

    /// Signals are the main thread's: a new thread has all of them blocked.
    void add_thread() {
        sigset_t all, before;
        sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before);
        threads_.emplace_back([this] { work(); });
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }

    void work() {
        std::unique_lock guard(lock_);
        while (true) {
            work_came_.wait(guard, [this] { return is_ending_ || !todo_.empty(); });
            if (todo_.empty()) return;
            Job job = std::move(todo_.front());
            todo_.pop_front();
            guard.unlock();
            job.error = perform(job.operation);
            guard.lock();
            done_.push_back(std::move(job));
            work_done_.notify_one();
            const std::uint64_t one = 1;
            // It fails only when the counter is full, and then the poll is awake anyhow.
            [[maybe_unused]] const ssize_t told = ::write(event_, &one, sizeof one);
        }
    }

    void finish_all() {
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t reset = ::read(event_, &count, sizeof count);
        std::deque<Job> finished;
        {
            const std::lock_guard guard(lock_);
            finished.swap(done_);
        }
        for (Job& job : finished) {
            --in_flight_;
            job.done(job.error);
        }
    }

    HostPoll& poll_;
    const int event_;
    /// Of the machine's thread alone.
    std::size_t in_flight_ = 0;
    std::vector<std::thread> threads_;

    std::mutex lock_;
    std::condition_variable work_came_, work_done_;
    /// Under the lock.
    std::deque<Job> todo_, done_;
    bool is_ending_ = false;
};

}  // namespace

std::unique_ptr<HostIo> make_threaded_io(HostPoll& poll) {
    return std::make_unique<ThreadedIo>(poll);
}

}  // namespace ring3
