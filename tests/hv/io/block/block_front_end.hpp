// SPDX-License-Identifier: MIT
// A front end made by hand for tests: writes requests into granted frames of a small domain, raises
// the event, and reads the responses; and a Domain-0 that does its work when it is told to.
#pragma once

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "hv/abi/blkif.hpp"
#include "hv/base/check.hpp"
#include "hv/base/registry.hpp"
#include "hv/io/block/back_end.hpp"
#include "hv/io/host_poll.hpp"
#include "tests/hv/domain/small_domain.hpp"

namespace ring3 {

class FakeDriverDomain final : public DriverDomain {
public:
    FakeDriverDomain(TimerQueue& timers, HostPoll* poll) : DriverDomain(timers), poll_(poll) {}

    Time now() override { return time; }
    void charge(IoWork work) override {
        charged.requests += work.requests;
        charged.bytes += work.bytes;
    }
    HostPoll* host() override { return poll_; }

    Time time{Duration{1'000'000}};
    IoWork charged;

protected:
    void work_came() override {}

private:
    HostPoll* const poll_;
};

struct BlockFrontEndOptions {
    std::string path = "event";
    std::string transfer = "map";
    std::string model{};  ///< empty: none
    std::uint32_t order = 0;
    bool persistent = false;
    HostPoll* poll = nullptr;
};

class BlockFrontEnd {
public:
    using Options = BlockFrontEndOptions;

    /// Pages of the domain: 0..15 the ring, 16 an indirect page, the rest data.
    static constexpr std::uint64_t indirect_pfn = 16, first_data_pfn = 17;
    static constexpr std::size_t data_pages = 33;
    static constexpr grant_ref_t ref_of(std::uint64_t pfn) {
        return static_cast<grant_ref_t>(8 + pfn);
    }
    /// Data page n as the guest numbers its pages; some in between are its page tables.
    static constexpr std::uint64_t data_pfn(std::size_t n) { return n < 13 ? 17 + n : 31 + n; }

    explicit BlockFrontEnd(std::shared_ptr<Disk> disk, Options chosen = {})
        : options(std::move(chosen)), domain0_(timers, options.poll) {
        HV_CHECK(small.domain.grants().grow(1), "no grant table");
        for (std::uint64_t pfn = 0; pfn < SmallDomain::pages; ++pfn) grant(pfn, 0);
        BlockBackEnd::Parameters parameters;
        parameters.number = 51712;
        parameters.name = "xvda";
        parameters.disk = std::move(disk);
        if (!options.model.empty()) {
            Params params("disk");
            parameters.model = Registry<DiskModel>::create(options.model, params);
        }
        parameters.make_path = [this] {
            Params params("io");
            params.set("transfer", {options.transfer, "test"});
            return Registry<IoPath>::create(options.path, params);
        };
        back = std::make_unique<BlockBackEnd>(xenbus::Place{domain0_, store, small.domain},
                                              std::move(parameters));
        back->open();
        settle();
    }

    void grant(std::uint64_t pfn, std::uint16_t flags) {
        small.domain.grants().set_entry(
            ref_of(pfn), {.flags = static_cast<std::uint16_t>(GTF_permit_access | flags),
                          .domid = 0,
                          .frame = static_cast<std::uint32_t>(small.p2m[pfn].raw)});
    }

    void write_node(const std::string& name, const std::string& value) {
        const auto error =
            store.write(small.domain.id(), 0, back->front_path() + "/" + name, value);
        HV_CHECK(error == store::Error::none, "the front end cannot write its node");
    }
    std::string read_node(const std::string& name) {
        std::string value;
        store.read(DomainId{0}, 0, back->back_path() + "/" + name, value);
        return value;
    }
    void set_state(XenbusState state) {
        write_node("state", std::to_string(static_cast<int>(state)));
        settle();
    }

    /// Writes what a front end writes before it connects.
    void publish() {
        if (options.order == 0) {
            write_node("ring-ref", std::to_string(ref_of(0)));
        } else {
            write_node("ring-page-order", std::to_string(options.order));
            for (std::uint32_t page = 0; page < 1u << options.order; ++page)
                write_node(fmt::format("ring-ref{}", page), std::to_string(ref_of(page)));
        }
        const int allocated = small.domain.events().alloc_unbound(DomainId{0});
        port = EventPort{static_cast<std::uint32_t>(allocated)};
        write_node("event-channel", std::to_string(allocated));
        write_node("protocol", XEN_IO_PROTO_ABI_X86_64);
        write_node("feature-persistent", options.persistent ? "1" : "0");
        set_index(offsetof(blkif_sring, req_event), 1);
        set_index(offsetof(blkif_sring, rsp_event), 1);
    }
    void connect() {
        publish();
        set_state(XenbusStateInitialised);
        set_state(XenbusStateConnected);
    }

    std::uint32_t entries() const {
        return std::bit_floor(static_cast<std::uint32_t>(
            ((page_size << options.order) - abi::blkif_ring_header) / abi::blkif_ring_entry));
    }
    std::span<std::byte> page(std::uint64_t pfn) {
        return {small.frames.at(small.p2m[pfn]).host, page_size};
    }
    std::span<std::byte> data(std::size_t n) { return page(data_pfn(n)); }

    std::uint32_t index(std::size_t offset) {
        std::uint32_t value;
        std::memcpy(&value, page(0).data() + offset, sizeof value);
        return value;
    }
    void set_index(std::size_t offset, std::uint32_t value) {
        std::memcpy(page(0).data() + offset, &value, sizeof value);
    }
    /// Bytes of the ring, which may lie across two of its pages.
    template <class Move>
    void move_entry(std::uint32_t number, std::size_t length, Move move) {
        std::size_t at = abi::blkif_ring_header + (number & (entries() - 1)) * 112;
        for (std::size_t done = 0; done < length; ++done, ++at)
            move(page(at / page_size)[at % page_size], done);
    }

    /// Puts a request (of any of the forms) into the ring.
    template <class Request>
    void put(const Request& request) {
        const auto bytes = std::as_bytes(std::span{&request, 1});
        move_entry(produced_, bytes.size(),
                   [&](std::byte& byte, std::size_t i) { byte = bytes[i]; });
        set_index(offsetof(blkif_sring, req_prod), ++produced_);
    }
    void kick() { small.domain.events().send(port); }
    /// Lets Domain-0 work until it has nothing to do; with a poll, until the host has nothing.
    void settle() {
        do {
            store.deliver_native();
            for (int i = 0; i < 1000 && domain0_.has_work(); ++i) domain0_.run_next();
            timers.run_due(domain0_.time);
        } while (domain0_.has_work() || store.has_native_events());
    }
    /// Moves time on to the next timer, again and again, until none is set.
    void pass_time() {
        settle();
        while (timers.next() != never) {
            domain0_.time = std::max(domain0_.time, timers.next());
            timers.run_due(domain0_.time);
            settle();
        }
    }
    void run() {
        kick();
        options.model.empty() ? settle() : pass_time();
    }

    std::vector<blkif_response> responses() {
        std::vector<blkif_response> all;
        const std::uint32_t end = index(offsetof(blkif_sring, rsp_prod));
        for (; seen_ != end; ++seen_) {
            blkif_response response;
            auto* const bytes = reinterpret_cast<std::byte*>(&response);
            move_entry(seen_, sizeof response,
                       [&](std::byte& byte, std::size_t i) { bytes[i] = byte; });
            all.push_back(response);
        }
        set_index(offsetof(blkif_sring, rsp_event), seen_ + 1);
        return all;
    }
    /// One request and its status.
    template <class Request>
    int ask(const Request& request) {
        put(request);
        run();
        const auto answers = responses();
        HV_CHECK(answers.size() == 1 && answers[0].id == request.id, "no answer, or another's");
        return answers[0].status;
    }

    /// Sectors from `sector` on, to or from the data pages from `first` on; the last page partly.
    blkif_request transfer(std::uint8_t operation, std::uint64_t sector, std::uint32_t sectors,
                           std::size_t first = 0) {
        blkif_request request{};
        request.operation = operation;
        request.id = ++last_id_;
        request.sector_number = sector;
        for (; sectors != 0; ++first) {
            const std::uint32_t here = std::min<std::uint32_t>(sectors, 8);
            request.seg[request.nr_segments++] = {ref_of(data_pfn(first)), 0,
                                                  static_cast<std::uint8_t>(here - 1)};
            sectors -= here;
        }
        return request;
    }
    /// The same with its segments in the indirect page.
    blkif_request_indirect indirect(std::uint8_t operation, std::uint64_t sector,
                                    std::uint32_t sectors) {
        blkif_request_indirect request{};
        request.operation = BLKIF_OP_INDIRECT;
        request.indirect_op = operation;
        request.id = ++last_id_;
        request.sector_number = sector;
        request.indirect_grefs[0] = ref_of(indirect_pfn);
        for (std::size_t n = 0; sectors != 0; ++n) {
            const std::uint32_t here = std::min<std::uint32_t>(sectors, 8);
            const blkif_request_segment segment{ref_of(data_pfn(n)), 0,
                                                static_cast<std::uint8_t>(here - 1)};
            std::memcpy(page(indirect_pfn).data() + n * sizeof segment, &segment, sizeof segment);
            ++request.nr_segments;
            sectors -= here;
        }
        return request;
    }
    blkif_request_discard discard(std::uint64_t sector, std::uint64_t sectors) {
        blkif_request_discard request{};
        request.operation = BLKIF_OP_DISCARD;
        request.id = ++last_id_;
        request.sector_number = sector;
        request.nr_sectors = sectors;
        return request;
    }
    void fill(std::size_t n, std::uint8_t value) { std::ranges::fill(data(n), std::byte{value}); }

    FakeDriverDomain& domain0() { return domain0_; }

    Options options;
    SmallDomain small;
    store::Store store{[](DomainId, const std::string&, const std::string&) {}};
    TimerQueue timers;
    EventPort port{};

private:
    FakeDriverDomain domain0_;

public:
    std::unique_ptr<BlockBackEnd> back;

private:
    std::uint32_t produced_ = 0;
    std::uint32_t seen_ = 0;
    std::uint64_t last_id_ = 0;
};

}  // namespace ring3
