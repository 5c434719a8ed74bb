// SPDX-License-Identifier: MIT
#include "experiments/runner/record/spool.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hv/base/sha256.hpp"

namespace ring3::record {
namespace {

/// Before each block.
struct Header {
    std::uint64_t size;
    Sha256::Digest digest;
};

Sha256::Digest digest_of(std::string_view block) { return Sha256().update(block).finish(); }

[[noreturn]] void host_failed(const std::filesystem::path& path) {
    throw std::system_error{errno, std::generic_category(),
                            fmt::format("cannot write {}", path.string())};
}

}  // namespace

Spool::Spool(const std::filesystem::path& path)
    : path_(path),
      file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644)),
      synced_(std::chrono::steady_clock::now()) {
    if (file_ < 0) host_failed(path);
}

Spool::~Spool() { ::close(file_); }

void Spool::append(std::string_view block) {
    const Header header{block.size(), digest_of(block)};
    std::string bytes(sizeof header, '\0');
    std::memcpy(bytes.data(), &header, sizeof header);
    bytes += block;
    for (std::string_view rest = bytes; !rest.empty();) {
        const ssize_t count = ::write(file_, rest.data(), rest.size());
        if (count < 0 && errno != EINTR) host_failed(path_);
        if (count > 0) rest.remove_prefix(static_cast<std::size_t>(count));
    }
    if (std::chrono::steady_clock::now() - synced_ >= sync_interval) sync();
}

void Spool::sync() {
    if (::fdatasync(file_) != 0) host_failed(path_);
    synced_ = std::chrono::steady_clock::now();
}

std::vector<std::string> read_spool(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string all{std::istreambuf_iterator<char>(file), {}};
    std::vector<std::string> blocks;
    for (std::string_view rest = all; rest.size() >= sizeof(Header);) {
        Header header{};
        std::memcpy(&header, rest.data(), sizeof header);
        rest.remove_prefix(sizeof header);
        if (header.size > rest.size()) break;
        const std::string_view block = rest.substr(0, header.size);
        if (digest_of(block) != header.digest) break;
        blocks.emplace_back(block);
        rest.remove_prefix(header.size);
    }
    return blocks;
}

}  // namespace ring3::record
