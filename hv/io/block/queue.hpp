// SPDX-License-Identifier: MIT
// One ring of a block device at work: takes requests, checks them, starts them on the disk, and
// answers each when it is done, or, under virtual time, when the disk's model says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hv/domain/back_end_port.hpp"
#include "hv/io/block/disk.hpp"
#include "hv/io/block/guest_pages.hpp"
#include "hv/io/block/request.hpp"
#include "hv/io/block/request_ring.hpp"
#include "hv/io/disk_model/disk_model.hpp"
#include "hv/io/driver_domain.hpp"
#include "hv/io/ring_depth.hpp"
#include "hv/io/ring_driver.hpp"

namespace ring3 {

class BlockQueue final {
public:
    struct Device {
        DriverDomain& driver_domain;
        Domain& guest;
        Disk& disk;
        /// Null: a request is answered when the host has done it.
        DiskModel* model;
        /// For records: the number of the virtual device.
        std::uint32_t number;
        /// The front end has broken the protocol. Called from inside of the queue, which stays.
        std::function<void(const std::string& why)> broken;
    };
    struct Channel {
        std::vector<GrantedPage> pages;
        EventPort port;
        bool has_persistent_grants = false;
    };

    BlockQueue(const Device& device, Channel channel, std::unique_ptr<IoPath> path,
               const std::string& name);
    /// Nothing is left that the disk was told to do: Disk::wait_for_all() comes before.
    ~BlockQueue();
    BlockQueue(const BlockQueue&) = delete;
    BlockQueue& operator=(const BlockQueue&) = delete;

    /// False: the front end has no such event channel.
    bool is_bound() const { return port_.is_bound(); }
    void start() { driver_.start(); }
    /// Without the ring's name.
    RingDepth depth() const {
        return {"", ring_.waiting().value_or(0), static_cast<std::uint32_t>(in_flight_.size()),
                ring_.entries()};
    }

private:
    /// What one look does at most, so that others get their turn, and what is on its way at most,
    /// so that memory stays bounded.
    static constexpr std::uint64_t most_bytes_per_look = std::uint64_t{4} << 20;
    static constexpr std::uint64_t most_bytes_in_flight = std::uint64_t{16} << 20;

    struct InFlight {
        BlockRequest request;
        std::unique_ptr<GuestPages> pages;
        std::int16_t status = BLKIF_RSP_OKAY;
        /// When the model says that the disk is done.
        Time ready{};
        Time taken{};
        std::list<InFlight>::iterator self;
    };

    std::size_t serve();
    bool can_take() const;
    /// How many bytes the request is about to move.
    std::uint64_t take_one();
    void note_taken(const BlockRequest& request);
    bool open_pages(InFlight& flight);
    bool read_indirect(grant_ref_t gref, std::span<blkif_request_segment> segments);
    void begin(InFlight& flight);
    void start_write(InFlight& flight);
    void step_done(InFlight& flight, int error);
    void ask_model(InFlight& flight, DiskAccess::Kind kind);
    void finished(InFlight& flight);
    void answer(InFlight& flight);
    void answer_ready();
    void broke(const std::string& why);

    Device device_;
    RequestRing ring_;
    PersistentGrants persistent_;
    const bool has_persistent_grants_;
    bool is_broken_ = false;
    /// In serve() or answer_ready(), which end by answering what is ready.
    bool is_working_ = false;
    std::list<InFlight> in_flight_;
    std::uint64_t bytes_in_flight_ = 0;
    /// A barrier, which begins when all before it are answered, and nothing after it before it is.
    InFlight* barrier_ = nullptr;
    bool barrier_began_ = false;
    /// Done by the host and not answered: in the order of their times, then of their ends.
    std::multimap<Time, InFlight*> ready_;
    std::size_t unannounced_ = 0;
    DriverDomain::Task answer_task_;
    TimerQueue::Timer answer_timer_;
    RingDriver driver_;
    BackEndPort port_;
};

}  // namespace ring3
