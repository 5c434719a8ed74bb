// SPDX-License-Identifier: MIT
// One operation on a file of the host, and how to do it by system calls that wait.
#pragma once

#include <cstdint>
#include <vector>

#include <sys/uio.h>

namespace ring3 {

/// Memory that is filled or read, in the order of the bytes.
using Pieces = std::vector<iovec>;

std::uint64_t length_of(const Pieces& pieces);
/// The bytes from `offset` on, `length` of them; they are there.
Pieces part_of(const Pieces& pieces, std::uint64_t offset, std::uint64_t length);
/// Takes so many bytes away from the front.
void drop_front(Pieces& pieces, std::uint64_t length);

struct FileOperation {
    enum class Kind : std::uint8_t { read, write, flush, punch_hole };
    Kind kind = Kind::read;
    int file = -1;
    std::uint64_t offset = 0;
    /// Of a read or write.
    Pieces pieces;
    /// Of a hole.
    std::uint64_t length = 0;
};

/// Does all of it. 0 or an errno; EIO when the file ends before a read does.
int perform(FileOperation& operation);
/// Reads what the host has in its cache, without waiting, and takes that off the operation. True:
/// that was all.
bool read_cached(FileOperation& operation);

}  // namespace ring3
