// SPDX-License-Identifier: MIT
// Any requests in a block device's ring, any indices, any grants, any answers of the clock: the
// back end answers or ends the connection; a read-only file stays as it is; a page that is not
// granted for writing stays as it is; nothing is written outside of the disk's file.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hv/base/check.hpp"
#include "hv/io/block/open_disk.hpp"
#include "tests/hv/io/block/block_front_end.hpp"

namespace ring3 {
namespace {

constexpr std::uint64_t file_bytes = 64 * 1024;

/// A file in memory, under a name that ImageFile can open.
class MemoryFile {
public:
    MemoryFile() : descriptor_(::memfd_create("disk", MFD_CLOEXEC)) {
        const std::string bytes(file_bytes, 'x');
        HV_CHECK(::write(descriptor_, bytes.data(), bytes.size()) == ssize_t{file_bytes},
                 "no file in memory");
    }
    ~MemoryFile() { ::close(descriptor_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }
    std::string read() const {
        std::string bytes(file_bytes + 1, '\0');
        const ssize_t got = ::pread(descriptor_, bytes.data(), bytes.size(), 0);
        bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
        return bytes;
    }

private:
    const int descriptor_;
};

class Input {
public:
    explicit Input(std::span<const std::uint8_t> bytes) : rest_(bytes) {}
    bool is_empty() const { return rest_.empty(); }
    /// Zeroes where there is nothing left.
    template <class T>
    T take() {
        T value{};
        const std::size_t count = std::min(sizeof value, rest_.size());
        std::memcpy(&value, rest_.data(), count);
        rest_ = rest_.subspan(count);
        return value;
    }

private:
    std::span<const std::uint8_t> rest_;
};

/// A request as it came, or brought near to what can be done, so that more of them get further.
blkif_request request_of(Input& input, bool is_tamed) {
    auto request = input.take<blkif_request>();
    if (!is_tamed) return request;
    request.operation = static_cast<std::uint8_t>(request.operation % 7);
    request.sector_number %= file_bytes / 512 + 2;
    if (request.operation == BLKIF_OP_DISCARD || request.operation == BLKIF_OP_INDIRECT)
        return request;
    request.nr_segments = static_cast<std::uint8_t>(request.nr_segments % 13);
    for (blkif_request_segment& segment : request.seg) {
        segment.gref = BlockFrontEnd::ref_of(segment.gref % 70);
        segment.first_sect = static_cast<std::uint8_t>(segment.first_sect % 9);
        segment.last_sect = static_cast<std::uint8_t>(segment.last_sect % 9);
    }
    return request;
}

void run(Input& input) {
    const auto setup = input.take<std::uint8_t>();
    const bool is_read_only = (setup & 1) != 0;
    const MemoryFile file;
    const auto io = make_immediate_io();
    std::vector<std::string> notes;
    DiskSource source;
    source.path = file.path();
    source.sharing = is_read_only ? Sharing::read_only : Sharing::exclusive;

    BlockFrontEndOptions options;
    options.order = setup >> 1 & 1;
    options.transfer = (setup & 4) != 0 ? "copy" : (setup & 8) != 0 ? "persistent" : "map";
    options.persistent = (setup & 8) != 0;
    const char* const models[] = {"", "instant", "ssd", "disk-2003"};
    options.model = models[setup >> 4 & 3];
    BlockFrontEnd front(open_disk(source, *io, notes), options);
    // Nothing may be stored to this one.
    front.grant(BlockFrontEnd::data_pfn(0), GTF_readonly);
    front.fill(0, 'r');
    front.connect();
    HV_CHECK(front.back->state() == XenbusStateConnected, "a good front end is refused");

    while (!input.is_empty()) {
        const auto action = input.take<std::uint8_t>();
        switch (action % 8) {
            case 0:
                front.set_index(input.take<std::uint8_t>() % 16, input.take<std::uint32_t>());
                break;
            case 1:
                front.kick();
                front.domain0().has_work() ? front.domain0().run_next() : front.settle();
                break;
            case 2:
                front.run();
                break;
            case 3:
                for (std::size_t at = 0; at < 64; ++at)
                    front.page(BlockFrontEnd::indirect_pfn)[at + action] = input.take<std::byte>();
                break;
            case 4:
                // Takes a grant back, or gives it anew.
                front.small.domain.grants().set_entry(
                    BlockFrontEnd::ref_of(BlockFrontEnd::data_pfn(1 + action % 30)),
                    input.take<grant_entry_v1>());
                break;
            default:
                front.put(request_of(input, action >= 64));
        }
    }
    front.run();
    const std::string after = file.read();
    HV_CHECK(after.size() == file_bytes, "the disk's file has another length");
    HV_CHECK(!is_read_only || after == std::string(file_bytes, 'x'), "a read-only disk is written");
    for (const std::byte byte : front.data(0))
        HV_CHECK(byte == std::byte{'r'} ||
                     front.small.domain.grants()
                             .entry(BlockFrontEnd::ref_of(BlockFrontEnd::data_pfn(0)))
                             ->flags != (GTF_permit_access | GTF_readonly),
                 "a page granted for reading is written");
}

}  // namespace
}  // namespace ring3

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // Longer ones find nothing that shorter ones do not.
    if (size > 16 * 1024) return -1;
    ring3::Input input({data, size});
    ring3::run(input);
    return 0;
}
