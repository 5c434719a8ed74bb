// SPDX-License-Identifier: MIT
// Any bytes as what two guests do to their store pages: whole messages, loose bytes, impossible
// indices, pages that are never read, domains that go and come again. Each gets answers or is cut
// off, keeps no more than it may, and never reads what it has no right to.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "hv/abi/xs_wire.hpp"
#include "hv/base/check.hpp"
#include "hv/io/store/connection.hpp"
#include "hv/memory/frame_table.hpp"

namespace {

using namespace ring3;

constexpr DomainId tools{0};
constexpr std::string_view secret = "the secret of domain 0";

/// The rest of the input; zeroes behind its end.
class Input {
public:
    explicit Input(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
    bool is_empty() const { return bytes_.empty(); }
    std::uint8_t byte() {
        if (bytes_.empty()) return 0;
        const std::uint8_t first = bytes_.front();
        bytes_ = bytes_.subspan(1);
        return first;
    }
    std::uint32_t word() {
        std::uint32_t value = 0;
        for (int i = 0; i < 4; ++i) value = value << 8 | byte();
        return value;
    }
    std::string text(std::size_t length) {
        const std::size_t taken = std::min(length, bytes_.size());
        std::string text(reinterpret_cast<const char*>(bytes_.data()), taken);
        bytes_ = bytes_.subspan(taken);
        return text;
    }

private:
    std::span<const std::uint8_t> bytes_;
};

class World {
public:
    World() {
        store_.write(tools, 0, "/secret", secret);
        for (Guest& guest : guests_) {
            guest.id = DomainId{static_cast<std::uint16_t>(&guest - guests_.data() + 1)};
            guest.page = *frames_.allocate(guest.id);
            start(guest);
        }
    }

    void step(Input& input) {
        const std::uint8_t what = input.byte();
        Guest& guest = guests_[what >> 7];
        switch (what & 7) {
            case 0:
            case 1:
            case 2:
            case 3: {
                const abi::StoreHeader header{input.byte() % 32u, 1, input.byte() % 16u,
                                              input.byte()};
                std::string message(sizeof header, '\0');
                std::memcpy(message.data(), &header, sizeof header);
                put(guest, message + input.text(header.len));
                read_all(guest);
                break;
            }
            case 4:
                put(guest, input.text(input.byte()));
                break;
            case 5: {
                abi::StoreRing& ring = this->ring(guest);
                const std::array<std::uint32_t*, 4> words{&ring.req_prod, &ring.req_cons,
                                                          &ring.rsp_prod, &ring.rsp_cons};
                *words[what >> 3 & 3] = input.word();
                guest.connection->serve();
                break;
            }
            case 6:
                end(guest);
                start(guest);
                break;
            default:
                store_.write(tools, 0, "/local/domain/1/" + std::to_string(input.byte()), "x");
                guest.connection->serve();
                break;
        }
        check();
    }

private:
    struct Guest {
        DomainId id{};
        Mfn page{};
        std::unique_ptr<store::Connection> connection;
    };

    abi::StoreRing& ring(const Guest& guest) {
        return *reinterpret_cast<abi::StoreRing*>(frames_.at(guest.page).host);
    }
    void start(Guest& guest) {
        const std::string home = store::Store::home_of(guest.id);
        store_.write(tools, 0, home, "");
        store_.set_permissions(tools, 0, home, {{guest.id, store::Rights::read}});
        ring(guest) = {};
        guest.connection =
            std::make_unique<store::Connection>(frames_, guest.page, store_, guest.id, [] {});
        store_.introduce(guest.id);
    }
    void end(Guest& guest) {
        store_.release(guest.id);
        store_.remove(tools, 0, store::Store::home_of(guest.id));
        guest.connection.reset();
        HV_CHECK(store_.memory_of(guest.id) == 0, "something is kept for a domain that is gone");
    }
    void put(Guest& guest, std::string_view bytes) {
        for (const char byte : bytes) {
            abi::StoreRing& page = ring(guest);
            page.req[MASK_XENSTORE_IDX(page.req_prod)] = byte;
            page.req_prod = page.req_prod + 1;
            if (page.req_prod - page.req_cons >= XENSTORE_RING_SIZE) guest.connection->serve();
        }
        guest.connection->serve();
    }
    void read_all(Guest& guest) {
        abi::StoreRing& page = ring(guest);
        std::string bytes;
        for (int round = 0; round < 16 && page.rsp_cons != page.rsp_prod; ++round) {
            bytes.append(page.rsp, sizeof page.rsp);
            page.rsp_cons = page.rsp_prod;
            guest.connection->serve();
        }
        HV_CHECK(bytes.find(secret) == std::string::npos, "a guest read what it may not");
    }
    void check() {
        const store::Limits limits;
        for (const Guest& guest : guests_)
            HV_CHECK(store_.memory_of(guest.id) <= limits.memory_bytes + 8192,
                     "a guest keeps more in the store than it may");
        std::string value;
        HV_CHECK(store_.read(tools, 0, "/secret", value) == store::Error::none && value == secret,
                 "a guest changed what it may not");
    }

    FrameTable frames_{Frames{4}};
    std::array<Guest, 2> guests_;
    store::Store store_{
        [this](DomainId watcher, const std::string& path, const std::string& token) {
            for (Guest& guest : guests_)
                if (guest.id == watcher && guest.connection)
                    guest.connection->add_event(path, token);
        }};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    World world;
    Input input(std::span(data, size));
    while (!input.is_empty()) world.step(input);
    return 0;
}
