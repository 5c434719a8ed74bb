// SPDX-License-Identifier: MIT
#include "hv/cpu/translate/translation_store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "hv/base/check.hpp"

namespace ring3 {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view extension = ".translations";

/// What a chunk begins with. Records follow, then their entries; the rest of the last page is zero.
struct ChunkHeader {
    static constexpr std::uint64_t expected_magic = 0x31'6e6b'6863'3372;  // "r3chnk1"

    std::uint64_t magic;
    std::uint64_t size;  ///< of the chunk: whole pages
    std::uint64_t entries_at, entries;
    std::uint64_t checksum;  ///< XXH3 of the entries
    std::uint64_t reserved[3];
};
static_assert(sizeof(ChunkHeader) == 64, "records are aligned");

/// Less of a chunk's room is not worth a chunk, in a file that has some.
constexpr std::size_t least_part = 256;
/// Code that a translation is looked for by: the longer, the fewer are alike in it alone.
constexpr std::size_t hashed_bytes = 32;

constexpr std::uint64_t whole_pages(std::uint64_t size) {
    return (size + page_size - 1) & ~(page_size - 1);
}

class File {
public:
    File(const fs::path& path, int flags) : fd_(open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
    ~File() {
        if (fd_ >= 0) close(fd_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    int fd() const { return fd_; }
    std::uint64_t size() const {
        struct stat status;
        return fstat(fd_, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
    }
    /// What it holds is run: nobody else may have written it.
    bool is_own() const {
        struct stat status;
        return fd_ >= 0 && fstat(fd_, &status) == 0 && S_ISREG(status.st_mode) &&
               status.st_uid == geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
    }
    /// Where the last whole chunk ends.
    std::uint64_t whole_chunks() const {
        const std::uint64_t end = size();
        std::uint64_t whole = 0;
        ChunkHeader header;
        while (read_chunk(whole, end, header)) whole += header.size;
        return whole;
    }

private:
    bool read(void* into, std::size_t size, std::uint64_t at) const {
        return pread(fd_, into, size, static_cast<off_t>(at)) == static_cast<ssize_t>(size);
    }
    /// The chunk that begins at `at`, unless it is not one, or not whole.
    bool read_chunk(std::uint64_t at, std::uint64_t end, ChunkHeader& header) const {
        return at + sizeof header <= end && read(&header, sizeof header, at) &&
               header.magic == ChunkHeader::expected_magic && header.size % page_size == 0 &&
               header.size > 0 && header.size <= end - at && header.entries_at <= header.size;
    }

    int fd_;
};

/// One process writes, and no other waits for it: it goes without.
class FileLock {
public:
    explicit FileLock(int file) : file_(file), is_held_(flock(file, LOCK_EX | LOCK_NB) == 0) {}
    /// Not by closing the file: what is mapped keeps it open.
    ~FileLock() {
        if (is_held_) flock(file_, LOCK_UN);
    }
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;
    bool is_held() const { return is_held_; }

private:
    int file_;
    bool is_held_;
};

bool write_all(int file, const void* from, std::size_t size, std::uint64_t at) {
    const auto* bytes = static_cast<const std::uint8_t*>(from);
    while (size > 0) {
        const ssize_t written = pwrite(file, bytes, size, static_cast<off_t>(at));
        if (written <= 0) return false;
        bytes += written;
        at += static_cast<std::uint64_t>(written);
        size -= static_cast<std::size_t>(written);
    }
    return true;
}

}  // namespace

TranslationStore::TranslationStore(const fs::path& folder, const std::string& name,
                                   std::uint64_t cache_base, std::size_t chunk_room)
    : chunk_room_(chunk_room),
      file_(folder / (name + std::string(extension))),
      cache_base_(cache_base) {
    read();
}

TranslationStore::~TranslationStore() {
    flush(chunk_room_ / least_part);
    for (const Mapping& mapping : mappings_) munmap(mapping.address, mapping.size);
    if (fresh_ != nullptr) munmap(fresh_, chunk_room_);
}

std::uint32_t TranslationStore::hash_of(const TranslationRequest& request) {
    const std::uint64_t offset = page_offset(request.rip);
    const auto code = request.code.subspan(offset, std::min(hashed_bytes, page_size - offset));
    const std::uint64_t seed = offset << 9 | (request.windows != nullptr ? 1u : 0u) << 8 |
                               static_cast<std::uint64_t>(request.variant) << 1 |
                               static_cast<std::uint64_t>(request.kernel_mode);
    // What cannot be moved serves at its own address alone.
    const std::uint64_t address = is_movable_address(request.rip) ? 0 : request.rip.raw << 16;
    return static_cast<std::uint32_t>(
        XXH3_64bits_withSeed(code.data(), code.size(), seed ^ address));
}

// Reading --------------------------------------------------------------------------------------

void TranslationStore::read() {
    const File file(file_, O_RDONLY);
    if (!file.is_own()) return;
    // When it was last of use: what remove_old_files() goes by.
    futimens(file.fd(), nullptr);
    if (const std::uint64_t whole = file.whole_chunks(); whole > 0) map_chunks(file.fd(), whole);
}

void TranslationStore::map_chunks(int file, std::uint64_t end) {
    void* const address = mmap(nullptr, end, PROT_READ, MAP_PRIVATE, file, 0);
    if (address == MAP_FAILED) return;
    mappings_.push_back({address, end});
    const auto* const first = static_cast<const std::uint8_t*>(address);
    for (std::uint64_t at = 0; at < end;) {
        const std::uint8_t* const chunk = first + at;
        ChunkHeader header;
        std::memcpy(&header, chunk, sizeof header);
        at += header.size;
        if (header.entries > (header.size - header.entries_at) / sizeof(Entry)) continue;
        const std::span<const std::uint8_t> bytes{chunk + header.entries_at,
                                                  header.entries * sizeof(Entry)};
        if (XXH3_64bits(bytes.data(), bytes.size()) != header.checksum) continue;
        for (std::uint64_t i = 0; i < header.entries; ++i) {
            Entry entry;
            std::memcpy(&entry, bytes.data() + i * sizeof entry, sizeof entry);
            if (entry.offset > header.size || entry.size > header.size - entry.offset) continue;
            insert(entry.hash, {chunk + entry.offset, entry.size});
        }
    }
}

void TranslationStore::insert(std::uint32_t hash, std::span<const std::uint8_t> record) {
    by_code_.add(hash, static_cast<std::uint32_t>(records_.size()));
    records_.push_back(record);
}

std::optional<StoredBlock> TranslationStore::find(const TranslationRequest& request) const {
    std::optional<StoredBlock> block;
    const auto serves_for_request = [&](std::uint32_t number) {
        block = unpack_block(records_[number], cache_base_);
        if (!block || block->kernel_mode != request.kernel_mode ||
            block->variant != request.variant || block->image.last_byte > request.code.size())
            return false;
        const auto code = request.code.subspan(block->image.first_byte, block->guest_code.size());
        // It comes last: it may open windows.
        return std::ranges::equal(code, block->guest_code) && serves(block->image, request);
    };
    if (by_code_.find(hash_of(request), serves_for_request) == BlockIndex::none) return {};
    return block;
}

// Writing --------------------------------------------------------------------------------------

void TranslationStore::add(const TranslationRequest& request, const BlockImage& image) {
    if (!is_writable_) return;
    const auto record = pack_block(request, image, cache_base_);
    if (fresh_ != nullptr && fresh_size_ + record.size() > chunk_room_) flush(0);
    if (sizeof(ChunkHeader) + record.size() > chunk_room_) return;
    if (added_ > most_added) is_writable_ = false;
    if (!is_writable_) return;
    if (fresh_ == nullptr) {
        void* const room =
            mmap(nullptr, chunk_room_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (room == MAP_FAILED) {
            is_writable_ = false;
            return;
        }
        fresh_ = static_cast<std::uint8_t*>(room);
        fresh_size_ = sizeof(ChunkHeader);
    }
    std::uint8_t* const at = fresh_ + fresh_size_;
    std::memcpy(at, record.data(), record.size());
    const auto size = static_cast<std::uint32_t>(record.size());
    fresh_entries_.push_back({hash_of(request), static_cast<std::uint32_t>(fresh_size_), size});
    fresh_size_ += size;
    insert(fresh_entries_.back().hash, {at, size});
}

/// Appends the chunk that grows to the file. Its records stay where they are, but become the file's
/// pages, which the host may take back.
void TranslationStore::flush(std::size_t least) {
    if (fresh_ == nullptr || !is_writable_) return;
    // From here on nothing is added if this fails.
    is_writable_ = false;
    std::error_code ignored;
    fs::create_directories(file_.parent_path(), ignored);
    if (!fs::exists(file_, ignored)) remove_old_files();
    const File file(file_, O_RDWR | O_CREAT);
    if (!file.is_own()) return;
    const FileLock lock(file.fd());
    if (!lock.is_held()) return;
    const std::uint64_t whole = file.whole_chunks();
    if (whole > 0 && fresh_size_ < least) return;
    const std::uint64_t size = chunk_size();
    if (whole + size <= longest_file) {
        is_writable_ = append(file.fd(), whole);
        return;
    }
    // Others may have mapped what is there: it stays as it is until they end.
    fs::path anew = file_;
    anew += ".new";
    const File next(anew, O_RDWR | O_CREAT | O_TRUNC);
    if (!next.is_own() || !append(next.fd(), 0)) return;
    fs::rename(anew, file_, ignored);
    is_writable_ = !ignored;
}

std::uint64_t TranslationStore::chunk_size() const {
    return whole_pages(fresh_size_ + fresh_entries_.size() * sizeof(Entry));
}

bool TranslationStore::append(int file, std::uint64_t at) {
    ChunkHeader header{};
    header.magic = ChunkHeader::expected_magic;
    header.size = chunk_size();
    header.entries_at = fresh_size_;
    header.entries = fresh_entries_.size();
    const std::size_t entries_size = fresh_entries_.size() * sizeof(Entry);
    header.checksum = XXH3_64bits(fresh_entries_.data(), entries_size);
    // What another process left half-written goes; the header, which makes a chunk one, comes last.
    const bool is_written =
        ftruncate(file, static_cast<off_t>(at)) == 0 &&
        write_all(file, fresh_ + sizeof header, fresh_size_ - sizeof header, at + sizeof header) &&
        write_all(file, fresh_entries_.data(), entries_size, at + fresh_size_) &&
        ftruncate(file, static_cast<off_t>(at + header.size)) == 0 &&
        write_all(file, &header, sizeof header, at);
    if (!is_written) {
        // Better nothing than a tail that each reader looks at in vain.
        [[maybe_unused]] const int result = ftruncate(file, static_cast<off_t>(at));
        return false;
    }
    // In place of the records alone: of the entries, which have no room there, nothing is read
    // again.
    const std::uint64_t records_size = whole_pages(fresh_size_);
    HV_CHECK(records_size <= chunk_room_, "records stay in their chunk's room");
    void* const mapped = mmap(fresh_, records_size, PROT_READ, MAP_PRIVATE | MAP_FIXED, file,
                              static_cast<off_t>(at));
    // The records are gone: nothing must be found there.
    HV_CHECK(mapped != MAP_FAILED, "a file that was written can be mapped");
    if (records_size < chunk_room_) munmap(fresh_ + records_size, chunk_room_ - records_size);
    mappings_.push_back({fresh_, records_size});
    added_ += header.size;
    fresh_ = nullptr;
    fresh_size_ = 0;
    fresh_entries_.clear();
    return true;
}

void TranslationStore::remove_old_files() const {
    std::error_code ignored;
    std::vector<std::pair<fs::file_time_type, fs::path>> files;
    for (const auto& entry : fs::directory_iterator{file_.parent_path(), ignored}) {
        if (entry.path().extension() == extension)
            files.emplace_back(entry.last_write_time(ignored), entry.path());
    }
    std::sort(files.begin(), files.end());
    for (std::size_t i = 0; i + most_files <= files.size(); ++i)
        fs::remove(files[i].second, ignored);
}

}  // namespace ring3
