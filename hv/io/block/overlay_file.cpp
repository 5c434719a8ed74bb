// SPDX-License-Identifier: MIT
#include "hv/io/block/overlay_file.hpp"

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <unistd.h>

#include <fmt/format.h>

#include "hv/base/errors.hpp"
#include "hv/io/block/file_operation.hpp"

namespace ring3 {
namespace {

static_assert(std::endian::native == std::endian::little, "the header is written as it stands");

struct Header {
    std::array<char, 8> magic;
    std::uint32_t version;
    std::uint32_t header_bytes;
    std::uint64_t base_bytes;
    std::int64_t base_modified_ns;
    std::uint64_t map_offset;
    std::uint64_t data_offset;
};
static_assert(sizeof(Header) == 48);

constexpr std::array<char, 8> magic{'r', 'i', 'n', 'g', '3', 'o', 'v', 'l'};
constexpr std::uint32_t version = 1;

std::uint64_t map_bytes(const OverlayBase& base) {
    return SectorMap(base.bytes / 512).page_count() * SectorMap::page_bytes;
}

std::uint64_t data_offset_for(const OverlayBase& base) {
    constexpr std::uint64_t step = std::uint64_t{1} << 20;
    return (OverlayFile::map_offset + map_bytes(base) + step - 1) / step * step;
}

int transfer(FileOperation::Kind kind, int file, std::uint64_t offset, void* bytes,
             std::size_t length) {
    FileOperation operation{kind, file, offset, {{bytes, length}}, 0};
    return perform(operation);
}

[[noreturn]] void fail_with(const std::string& path, const char* what, int error) {
    throw EnvironmentError(fmt::format("{}: {}: {}", path, what, std::strerror(error)));
}

}  // namespace

OverlayFile::OverlayFile(ImageFile file, const OverlayBase& base, bool is_kept)
    : file_(std::move(file)), is_kept_(is_kept), data_offset_(data_offset_for(base)) {}

OverlayFile OverlayFile::open(const std::string& path, const OverlayBase& base) {
    if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
        OverlayFile made(ImageFile::create(path), base, true);
        made.write_header(base);
        return made;
    }
    OverlayFile found(ImageFile(path, Sharing::exclusive), base, true);
    found.check_header(base);
    return found;
}

OverlayFile OverlayFile::temporary(const std::string& folder, const OverlayBase& base) {
    return {ImageFile::temporary(folder), base, false};
}

void OverlayFile::write_header(const OverlayBase& base) {
    std::vector<std::byte> block(map_offset);
    const Header header{magic,      version,     sizeof(Header), base.bytes, base.modified_ns,
                        map_offset, data_offset_};
    std::memcpy(block.data(), &header, sizeof header);
    // The data's end, so that the file has its length from the start and only ever fills holes.
    if (::ftruncate(descriptor(), static_cast<off_t>(data_offset_ + base.bytes)) != 0)
        fail_with(path(), "cannot make the overlay", errno);
    FileOperation sync{FileOperation::Kind::flush, descriptor(), 0, {}, 0};
    int error = transfer(FileOperation::Kind::write, descriptor(), 0, block.data(), block.size());
    if (error == 0) error = perform(sync);
    if (error != 0) {
        ::unlink(path().c_str());
        fail_with(path(), "cannot make the overlay", error);
    }
}

void OverlayFile::check_header(const OverlayBase& base) {
    Header header{};
    if (file_.bytes() < map_offset ||
        transfer(FileOperation::Kind::read, descriptor(), 0, &header, sizeof header) != 0 ||
        header.magic != magic || header.version != version ||
        header.header_bytes != sizeof(Header) || header.map_offset != map_offset)
        throw ConfigError(fmt::format(
            "{}: this is no overlay of ring3 (a file of another name is made as one)", path()));
    if (header.base_bytes != base.bytes || header.base_modified_ns != base.modified_ns ||
        header.data_offset != data_offset_)
        throw ConfigError(
            fmt::format("{}: this overlay lies over a base of {} bytes that has changed since; "
                        "what it holds fits no longer. Delete it to start anew",
                        path(), header.base_bytes));
}

void OverlayFile::load(SectorMap& map) const {
    if (!is_kept_) return;
    std::vector<std::byte> page(SectorMap::page_bytes);
    for (std::uint64_t number = 0; number < map.page_count(); ++number) {
        const int error =
            transfer(FileOperation::Kind::read, descriptor(),
                     map_offset + number * SectorMap::page_bytes, page.data(), page.size());
        if (error != 0) fail_with(path(), "the overlay's map cannot be read", error);
        map.load_page(number, page);
    }
}

}  // namespace ring3
