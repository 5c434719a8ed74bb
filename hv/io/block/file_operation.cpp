// SPDX-License-Identifier: MIT
#include "hv/io/block/file_operation.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>

#include <fcntl.h>
#include <unistd.h>

namespace ring3 {
namespace {

/// One system call for as much as it takes; what preadv answers.
ssize_t transfer(const FileOperation& operation, int flags) {
    const int count = static_cast<int>(std::min<std::size_t>(operation.pieces.size(), IOV_MAX));
    const auto offset = static_cast<off_t>(operation.offset);
    return operation.kind == FileOperation::Kind::read
               ? ::preadv2(operation.file, operation.pieces.data(), count, offset, flags)
               : ::pwritev2(operation.file, operation.pieces.data(), count, offset, flags);
}

void advance(FileOperation& operation, std::uint64_t length) {
    drop_front(operation.pieces, length);
    operation.offset += length;
}

int transfer_all(FileOperation& operation) {
    while (!operation.pieces.empty()) {
        const ssize_t got = transfer(operation, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno;
        if (got == 0) return EIO;
        advance(operation, static_cast<std::uint64_t>(got));
    }
    return 0;
}

}  // namespace

std::uint64_t length_of(const Pieces& pieces) {
    std::uint64_t length = 0;
    for (const iovec& piece : pieces) length += piece.iov_len;
    return length;
}

void drop_front(Pieces& pieces, std::uint64_t length) {
    auto first = pieces.begin();
    while (first != pieces.end() && length >= first->iov_len) {
        length -= first->iov_len;
        ++first;
    }
    if (first != pieces.end() && length != 0) {
        first->iov_base = static_cast<std::byte*>(first->iov_base) + length;
        first->iov_len -= length;
    }
    pieces.erase(pieces.begin(), first);
}

Pieces part_of(const Pieces& pieces, std::uint64_t offset, std::uint64_t length) {
    Pieces part;
    for (const iovec& piece : pieces) {
        if (length == 0) break;
        if (offset >= piece.iov_len) {
            offset -= piece.iov_len;
            continue;
        }
        const std::uint64_t here = std::min<std::uint64_t>(piece.iov_len - offset, length);
        part.push_back({static_cast<std::byte*>(piece.iov_base) + offset, here});
        offset = 0;
        length -= here;
    }
    return part;
}

int perform(FileOperation& operation) {
    int result = 0;
    switch (operation.kind) {
        case FileOperation::Kind::read:
        case FileOperation::Kind::write:
            return transfer_all(operation);
        case FileOperation::Kind::flush:
            do result = ::fdatasync(operation.file);
            while (result != 0 && errno == EINTR);
            break;
        case FileOperation::Kind::punch_hole:
            do
                result = ::fallocate(operation.file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                     static_cast<off_t>(operation.offset),
                                     static_cast<off_t>(operation.length));
            while (result != 0 && errno == EINTR);
            break;
    }
    return result == 0 ? 0 : errno;
}

bool read_cached(FileOperation& operation) {
    while (!operation.pieces.empty()) {
        const ssize_t got = transfer(operation, RWF_NOWAIT);
        if (got <= 0) return false;
        advance(operation, static_cast<std::uint64_t>(got));
    }
    return true;
}

}  // namespace ring3
