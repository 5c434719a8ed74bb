// SPDX-License-Identifier: MIT
// blkback: the back end of a block device, for the stock xen-blkfront of Linux and for the front
// ends of boot loaders. What it offers is what xen-blkback offers; what it is asked is in queue.*.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hv/io/block/disk.hpp"
#include "hv/io/block/queue.hpp"
#include "hv/io/disk_model/disk_model.hpp"
#include "hv/io/path/io_path.hpp"
#include "hv/io/xenbus/back_end.hpp"

namespace ring3 {

class BlockBackEnd final : public xenbus::BackEnd {
public:
    static constexpr std::uint32_t most_ring_page_order = 4;
    static constexpr std::uint32_t most_queues = 4;

    struct Parameters {
        std::uint32_t number = 0;  ///< 51712 is xvda
        std::string name;          ///< "xvda"
        bool is_cdrom = false;
        bool offers_discard = true;
        /// Shared with the next domain of the same guest, after a reboot.
        std::shared_ptr<Disk> disk;
        /// Null in an open world.
        std::shared_ptr<DiskModel> model;
        /// One for each ring.
        std::function<std::unique_ptr<IoPath>()> make_path;
    };

    BlockBackEnd(const xenbus::Place& place, Parameters parameters);
    ~BlockBackEnd() override;

    const Parameters& parameters() const { return parameters_; }
    std::vector<RingDepth> ring_depths() const override;

private:
    Nodes front_nodes() const override;
    Nodes back_nodes() const override;
    std::optional<std::string> connect() override;
    void disconnect() override;

    std::optional<std::string> connect_queue(const std::string& folder, std::uint32_t queue,
                                             std::uint32_t order, bool has_persistent_grants);
    bool offers_persistent_grants() const;
    void queue_is_broken(const std::string& why);

    const Parameters parameters_;
    std::vector<std::unique_ptr<BlockQueue>> queues_;
    std::string broken_;
    DriverDomain::Task fail_task_;
};

}  // namespace ring3
