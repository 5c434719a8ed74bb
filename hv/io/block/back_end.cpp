// SPDX-License-Identifier: MIT
#include "hv/io/block/back_end.hpp"

#include <bit>
#include <utility>

#include <fmt/format.h>

#include "hv/abi/blkif.hpp"

namespace ring3 {

BlockBackEnd::BlockBackEnd(const xenbus::Place& place, Parameters parameters)
    : BackEnd(place, "vbd", parameters.number),
      parameters_(std::move(parameters)),
      fail_task_(place.driver_domain, [this] { fail(broken_); }) {}

BlockBackEnd::~BlockBackEnd() { disconnect(); }

xenbus::BackEnd::Nodes BlockBackEnd::front_nodes() const {
    return {{"virtual-device", std::to_string(number())},
            {"device-type", parameters_.is_cdrom ? "cdrom" : "disk"}};
}

xenbus::BackEnd::Nodes BlockBackEnd::back_nodes() const {
    const Disk::Properties& disk = parameters_.disk->properties();
    unsigned info = 0;
    if (parameters_.is_cdrom) info |= VDISK_CDROM | VDISK_REMOVABLE;
    if (!disk.is_writable) info |= VDISK_READONLY;
    // No "params": a path of this host is none of the guest's business.
    Nodes nodes{
        {"dev", parameters_.name},
        {"type", "file"},
        {"mode", disk.is_writable ? "w" : "r"},
        {"device-type", parameters_.is_cdrom ? "cdrom" : "disk"},
        {"removable", parameters_.is_cdrom ? "1" : "0"},
        {"bootable", "1"},
        {"info", std::to_string(info)},
        {"sectors", std::to_string(disk.bytes / abi::sector_size)},
        {"sector-size", std::to_string(abi::sector_size)},
        {"physical-sector-size", std::to_string(disk.physical_sector)},
        {"feature-barrier", "1"},
        {"feature-flush-cache", "1"},
        {"feature-max-indirect-segments", std::to_string(most_segments)},
        {"max-ring-page-order", std::to_string(most_ring_page_order)},
        {"max-ring-pages", std::to_string(1u << most_ring_page_order)},
        {"multi-queue-max-queues", std::to_string(most_queues)},
    };
    if (offers_persistent_grants()) nodes.emplace_back("feature-persistent", "1");
    if (parameters_.offers_discard && disk.discard_granularity != 0) {
        nodes.emplace_back("feature-discard", "1");
        nodes.emplace_back("discard-granularity", std::to_string(disk.discard_granularity));
        nodes.emplace_back("discard-alignment", "0");
        nodes.emplace_back("discard-secure", "0");
    }
    return nodes;
}

/// With them the front end copies all data into the pages that it granted once, which costs a guest
/// more than mapping costs us: so it is the user's choice.
bool BlockBackEnd::offers_persistent_grants() const {
    return parameters_.make_path()->transfer() == IoPath::Transfer::persistent;
}

std::optional<std::string> BlockBackEnd::connect() {
    const std::string protocol = read_front("protocol").value_or(XEN_IO_PROTO_ABI_X86_64);
    if (protocol != XEN_IO_PROTO_ABI_X86_64)
        return fmt::format("the front end's protocol is not {}", XEN_IO_PROTO_ABI_X86_64);
    const bool has_persistent_grants =
        offers_persistent_grants() && read_front_number("feature-persistent").value_or(0) != 0;

    // The older node counts pages, the newer one names their logarithm.
    std::uint64_t order = read_front_number("ring-page-order").value_or(0);
    if (const auto pages = read_front_number("num-ring-pages"); pages && order == 0)
        order = std::has_single_bit(*pages) ? std::countr_zero(*pages) : most_ring_page_order + 1;
    if (order > most_ring_page_order)
        return fmt::format("the front end's ring has more than {} pages, or an odd number",
                           1u << most_ring_page_order);

    const std::uint64_t count = read_front_number("multi-queue-num-queues").value_or(1);
    if (count == 0 || count > most_queues)
        return fmt::format("the front end has {} queues; 1 to {} are offered", count, most_queues);
    for (std::uint32_t number = 0; number < count; ++number) {
        const std::string folder = count == 1 ? "" : fmt::format("queue-{}/", number);
        if (auto wrong = connect_queue(folder, number, static_cast<std::uint32_t>(order),
                                       has_persistent_grants))
            return wrong;
    }
    for (const auto& queue : queues_) queue->start();
    return std::nullopt;
}

std::optional<std::string> BlockBackEnd::connect_queue(const std::string& folder,
                                                       std::uint32_t queue, std::uint32_t order,
                                                       bool has_persistent_grants) {
    BlockQueue::Channel channel;
    channel.has_persistent_grants = has_persistent_grants;
    const auto add_page = [&](const std::string& node) {
        const auto ref = read_front_number(folder + node);
        if (!ref || *ref > UINT32_MAX) return false;
        auto page =
            GrantedPage::map(guest(), static_cast<grant_ref_t>(*ref), GrantedPage::Use::write);
        if (page) channel.pages.push_back(std::move(*page));
        return page.has_value();
    };
    if (order == 0) {
        // A ring of one page has its old name, or the first of the new ones.
        if (!add_page("ring-ref") && !add_page("ring-ref0"))
            return fmt::format("{}ring-ref names no page that is granted for writing", folder);
    } else {
        for (std::uint32_t page = 0; page < 1u << order; ++page)
            if (!add_page(fmt::format("ring-ref{}", page)))
                return fmt::format("{}ring-ref{} names no page that is granted for writing", folder,
                                   page);
    }
    const auto port = read_front_number(folder + "event-channel");
    if (!port || *port > UINT32_MAX) return fmt::format("there is no {}event-channel", folder);
    channel.port = EventPort{static_cast<std::uint32_t>(*port)};

    const BlockQueue::Device device{
        driver_domain(),   guest(),
        *parameters_.disk, parameters_.model.get(),
        number(),          [this](const std::string& why) { queue_is_broken(why); }};
    queues_.push_back(std::make_unique<BlockQueue>(
        device, std::move(channel), parameters_.make_path(), fmt::format("{} q{}", name(), queue)));
    if (!queues_.back()->is_bound())
        return fmt::format("{}event-channel is none that waits for domain 0", folder);
    return std::nullopt;
}

std::vector<RingDepth> BlockBackEnd::ring_depths() const {
    std::vector<RingDepth> depths;
    for (const auto& queue : queues_) {
        depths.push_back(queue->depth());
        depths.back().ring = fmt::format("q{}", depths.size() - 1);
    }
    return depths;
}

/// The queue is at work: it must not go away under its feet.
void BlockBackEnd::queue_is_broken(const std::string& why) {
    broken_ = why;
    fail_task_.schedule();
}

void BlockBackEnd::disconnect() {
    fail_task_.cancel();
    // What was begun reads from the guest's pages and stores to them.
    parameters_.disk->wait_for_all();
    queues_.clear();
}

}  // namespace ring3
