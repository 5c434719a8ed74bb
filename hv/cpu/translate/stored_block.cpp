// SPDX-License-Identifier: MIT
#include "hv/cpu/translate/stored_block.hpp"

#include <xxhash.h>

#include <cstring>
#include <type_traits>

namespace ring3 {
namespace {

/// What a record begins with. Behind it: the instruction that is emulated, sites, links,
/// relocations, checks of windows, guest code, host code.
struct Header {
    std::uint64_t checksum;  ///< XXH3 of all that follows it
    std::uint64_t rip;
    std::uint64_t place;     ///< of the host code, from the cache's start
    std::uint64_t distance;  ///< of windows
    std::uint32_t direct_entry, checked_entry, lookup_entry;
    std::uint32_t first_byte, last_byte;
    std::uint32_t sites, links, relocations, window_sites, host_size;
    std::uint16_t live_behind;
    bool is_movable, has_emulated, kernel_mode;
    Variant variant;
};

constexpr std::size_t alignment = 16;

constexpr std::size_t aligned(std::size_t size) {
    return (size + alignment - 1) & ~(alignment - 1);
}

template <class T>
constexpr std::size_t room_for(std::size_t count) {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= alignment);
    return aligned(count * sizeof(T));
}

std::size_t size_of(const Header& h) {
    return room_for<Header>(1) + room_for<Insn>(h.has_emulated ? 1 : 0) +
           room_for<InsnSite>(h.sites) + room_for<LinkSite>(h.links) +
           room_for<Relocation>(h.relocations) + room_for<WindowSite>(h.window_sites) +
           room_for<std::uint8_t>(h.last_byte - h.first_byte) + room_for<std::uint8_t>(h.host_size);
}

std::uint64_t checksum_of(std::span<const std::uint8_t> record) {
    const auto content = record.subspan(sizeof(Header::checksum));
    return XXH3_64bits(content.data(), content.size());
}

class Writer {
public:
    explicit Writer(std::vector<std::uint8_t>& out) : at_(out.data()) {}

    template <class T>
    void put(const T* first, std::size_t count) {
        if (count != 0) std::memcpy(at_, first, count * sizeof(T));
        at_ += room_for<T>(count);
    }

private:
    std::uint8_t* at_;
};

class Reader {
public:
    explicit Reader(std::span<const std::uint8_t> bytes) : at_(bytes.data()) {}

    template <class T>
    std::span<const T> take(std::size_t count) {
        const auto* const first = reinterpret_cast<const T*>(at_);
        at_ += room_for<T>(count);
        return {first, count};
    }

private:
    const std::uint8_t* at_;
};

}  // namespace

std::vector<std::uint8_t> pack_block(const TranslationRequest& request, const BlockImage& image,
                                     std::uint64_t base) {
    Header h{};
    h.rip = image.rip.raw;
    h.place = image.host_base - base;
    h.direct_entry = image.direct_entry;
    h.checked_entry = image.checked_entry;
    h.lookup_entry = image.lookup_entry;
    h.first_byte = image.first_byte;
    h.last_byte = image.last_byte;
    h.sites = static_cast<std::uint32_t>(image.sites.size());
    h.links = static_cast<std::uint32_t>(image.links.size());
    h.relocations = static_cast<std::uint32_t>(image.relocations.size());
    h.window_sites = static_cast<std::uint32_t>(image.window_sites.size());
    h.distance = image.distance;
    h.host_size = static_cast<std::uint32_t>(image.host_code.size());
    h.live_behind = image.live_behind;
    h.is_movable = image.is_movable;
    h.has_emulated = image.emulated != nullptr;
    h.kernel_mode = request.kernel_mode;
    h.variant = request.variant;
    std::vector<std::uint8_t> record(size_of(h));
    Writer writer(record);
    writer.put(&h, 1);
    writer.put(image.emulated, h.has_emulated ? 1 : 0);
    writer.put(image.sites.data(), h.sites);
    writer.put(image.links.data(), h.links);
    writer.put(image.relocations.data(), h.relocations);
    writer.put(image.window_sites.data(), h.window_sites);
    writer.put(request.code.data() + h.first_byte, h.last_byte - h.first_byte);
    writer.put(image.host_code.data(), h.host_size);
    const std::uint64_t checksum = checksum_of(record);
    std::memcpy(record.data() + offsetof(Header, checksum), &checksum, sizeof checksum);
    return record;
}

std::optional<StoredBlock> unpack_block(std::span<const std::uint8_t> bytes, std::uint64_t base) {
    Header h;
    if (bytes.size() < sizeof h) return {};
    std::memcpy(&h, bytes.data(), sizeof h);
    if (checksum_of(bytes) != h.checksum || size_of(h) != bytes.size()) return {};
    Reader reader(bytes);
    reader.take<Header>(1);
    StoredBlock block;
    BlockImage& image = block.image;
    image.rip = Vaddr{h.rip};
    image.host_base = base + h.place;
    image.direct_entry = h.direct_entry;
    image.checked_entry = h.checked_entry;
    image.lookup_entry = h.lookup_entry;
    image.first_byte = h.first_byte;
    image.last_byte = h.last_byte;
    image.live_behind = h.live_behind;
    image.is_movable = h.is_movable;
    const auto emulated = reader.take<Insn>(h.has_emulated ? 1 : 0);
    if (!emulated.empty()) image.emulated = emulated.data();
    image.sites = reader.take<InsnSite>(h.sites);
    image.links = reader.take<LinkSite>(h.links);
    image.relocations = reader.take<Relocation>(h.relocations);
    image.window_sites = reader.take<WindowSite>(h.window_sites);
    image.distance = h.distance;
    block.kernel_mode = h.kernel_mode;
    block.variant = h.variant;
    block.guest_code = reader.take<std::uint8_t>(h.last_byte - h.first_byte);
    image.host_code = reader.take<std::uint8_t>(h.host_size);
    return block;
}

}  // namespace ring3
