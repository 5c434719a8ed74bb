// SPDX-License-Identifier: MIT
#include "hv/trace/file.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hv/base/errors.hpp"
#include "hv/base/sha256.hpp"

namespace ring3::trace {
namespace {

static_assert(std::endian::native == std::endian::little, "records lie in files as in memory");

constexpr std::array<char, 8> magic{'r', 'i', 'n', 'g', '3', 't', 'r', 'c'};
constexpr std::uint32_t block_mark = 0x314b'4c42, end_mark = 0x3144'4e45;
constexpr std::uint32_t most_records = 1 << 20;

struct Head {
    std::array<char, 8> name = magic;
    std::uint32_t version = file_version;
    std::uint32_t record_bytes = sizeof(Record);
    std::uint32_t classes = 0;
    std::uint32_t is_virtual = 0;
    std::uint64_t checksum = 0;
};
static_assert(sizeof(Head) == 32);

struct BlockHead {
    std::uint32_t mark = 0;
    std::uint32_t count = 0;
    std::uint64_t before = 0;
    std::uint64_t checksum = 0;
};
static_assert(sizeof(BlockHead) == 24);

template <class Any>
std::span<const std::byte> bytes_of(const Any& any) {
    return std::as_bytes(std::span{&any, 1});
}

/// Of a head up to its own place for it, and of what follows the head.
template <class AnyHead>
std::uint64_t checksum_of(const AnyHead& head, std::span<const std::byte> rest) {
    Sha256 hash;
    hash.update(bytes_of(head).first(offsetof(AnyHead, checksum))).update(rest);
    const Sha256::Digest digest = hash.finish();
    std::uint64_t sum;
    std::memcpy(&sum, digest.data(), sizeof sum);
    return sum;
}

template <class Any>
bool get(std::ifstream& file, Any& any) {
    file.read(reinterpret_cast<char*>(&any), sizeof any);
    return file.gcount() == sizeof any;
}

/// False: there is no further block; `file.cut` says why unless that is the end.
bool get_block(std::ifstream& in, File& file) {
    BlockHead head;
    if (!get(in, head)) {
        file.cut = in.gcount() == 0 ? "it has no end" : "a block's head is cut short";
        return false;
    }
    const bool is_end = head.mark == end_mark;
    const bool is_sane = (head.mark == block_mark || (is_end && head.count == 0)) &&
                         head.count <= most_records && head.before == file.records.size();
    if (!is_sane) {
        file.cut = "what follows is no block of a trace";
        return false;
    }
    std::vector<Record> records(head.count);
    const auto size = static_cast<std::streamsize>(head.count * sizeof(Record));
    in.read(reinterpret_cast<char*>(records.data()), size);
    if (in.gcount() != size ||
        head.checksum != checksum_of(head, std::as_bytes(std::span{records}))) {
        file.cut = in.gcount() != size ? "a block is cut short" : "a block is damaged";
        return false;
    }
    file.records.insert(file.records.end(), records.begin(), records.end());
    file.is_complete = is_end;
    return !is_end;
}

}  // namespace

FileWriter::FileWriter(std::filesystem::path path, Classes classes, bool is_virtual)
    : path_(std::move(path)),
      file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
    if (file_ < 0)
        throw EnvironmentError{fmt::format("cannot write the trace {}: {}", path_.string(),
                                           std::generic_category().message(errno))};
    Head head;
    head.classes = classes.bits;
    head.is_virtual = is_virtual ? 1 : 0;
    head.checksum = checksum_of(head, {});
    put(bytes_of(head));
}

FileWriter::~FileWriter() { ::close(file_); }

void FileWriter::take(std::span<const Record> records) {
    while (!records.empty()) {
        const auto part = records.first(std::min<std::size_t>(records.size(), most_records));
        put_block(block_mark, part);
        records = records.subspan(part.size());
    }
}

void FileWriter::finish() {
    put_block(end_mark, {});
    if (error_ != 0)
        throw EnvironmentError{fmt::format("cannot write the trace {}: {}", path_.string(),
                                           std::generic_category().message(error_))};
}

void FileWriter::put_block(std::uint32_t mark, std::span<const Record> records) {
    BlockHead head{mark, static_cast<std::uint32_t>(records.size()), written_, 0};
    head.checksum = checksum_of(head, std::as_bytes(records));
    put(bytes_of(head));
    put(std::as_bytes(records));
    written_ += records.size();
}

void FileWriter::put(std::span<const std::byte> bytes) {
    while (!bytes.empty() && error_ == 0) {
        const ssize_t written = ::write(file_, bytes.data(), bytes.size());
        if (written >= 0)
            bytes = bytes.subspan(static_cast<std::size_t>(written));
        else if (errno != EINTR)
            error_ = errno;
    }
}

File read_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in)
        throw ConfigError{fmt::format("cannot read the trace {}: {}", path.string(),
                                      std::generic_category().message(errno))};
    Head head;
    const bool has_head = get(in, head);
    if (!has_head || head.name != magic)
        throw ConfigError{
            fmt::format("{}: not a trace; `ring3 create --trace FILE` writes one", path.string())};
    if (head.version != file_version || head.record_bytes != sizeof(Record))
        throw ConfigError{fmt::format("{}: a trace of version {}; this program reads version {}",
                                      path.string(), head.version, file_version)};
    if (head.checksum != checksum_of(head, {}))
        throw ConfigError{fmt::format("{}: the head of the trace is damaged", path.string())};
    File file;
    file.classes.bits = head.classes;
    file.is_virtual = head.is_virtual != 0;
    while (get_block(in, file)) {
    }
    std::ranges::stable_sort(file.records, [](const Record& a, const Record& b) {
        return std::pair{a.time_ns, a.pcpu} < std::pair{b.time_ns, b.pcpu};
    });
    return file;
}

}  // namespace ring3::trace
