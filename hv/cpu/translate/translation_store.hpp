// SPDX-License-Identifier: MIT
// Translations that outlive the machine they were made in: found by the guest's code itself, in
// memory and in a file, so that the next machine that boots the same kernel, or the next domain of
// this one, translates next to nothing.
//
// A translation is a function of the bytes that it depends on, their address, and how the engine is
// set; so what is found is what would be made, and a guest can see it in nothing but the time of
// the host. All bytes are compared; hashes only find candidates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "hv/cpu/translate/block_index.hpp"
#include "hv/cpu/translate/stored_block.hpp"
#include "hv/cpu/translate/translate.hpp"

namespace ring3 {

/// One file of a folder: chunks of records, appended by one process after another, each once. What
/// is broken is passed over, and what cannot be written is not kept: neither is an error.
class TranslationStore {
public:
    /// `name`: what the translations depend on beside guest code. A file of that name is read.
    /// `chunk_room`: bytes, whole pages, that grow in memory before they are written.
    TranslationStore(const std::filesystem::path& folder, const std::string& name,
                     std::uint64_t cache_base, std::size_t chunk_room);
    /// Writes what is new.
    ~TranslationStore();
    TranslationStore(const TranslationStore&) = delete;
    TranslationStore& operator=(const TranslationStore&) = delete;

    /// Only code in one page is stored.
    static bool takes(const TranslationRequest& request) {
        return request.code.size() == page_size;
    }

    /// A translation of the same code, of the same variant, that serves for `request`. Good until
    /// the next call.
    std::optional<StoredBlock> find(const TranslationRequest& request) const;
    void add(const TranslationRequest& request, const BlockImage& image);

    /// Files of a folder: those of other builds and settings go when there are more.
    static constexpr std::size_t most_files = 4;
    /// A file that would become longer is begun anew.
    static constexpr std::uint64_t longest_file = std::uint64_t{1} << 29;
    /// What one process adds at most: a guest that makes code for ever must not fill the disk.
    static constexpr std::uint64_t most_added = longest_file / 2;

private:
    /// Where a record is, by the hash of the code that it begins with.
    struct Entry {
        std::uint32_t hash;
        std::uint32_t offset;  ///< in its chunk
        std::uint32_t size;    ///< of the record
    };
    struct Mapping {
        void* address;
        std::size_t size;
    };

    static std::uint32_t hash_of(const TranslationRequest& request);
    void read();
    void map_chunks(int file, std::uint64_t end);
    /// Not, to a file that has some, if they are fewer than `least` bytes.
    void flush(std::size_t least);
    bool append(int file, std::uint64_t at);
    std::uint64_t chunk_size() const;
    void insert(std::uint32_t hash, std::span<const std::uint8_t> record);
    void remove_old_files() const;

    const std::size_t chunk_room_;
    std::filesystem::path file_;
    std::uint64_t cache_base_;
    std::vector<std::span<const std::uint8_t>> records_;
    BlockIndex by_code_;
    std::vector<Mapping> mappings_;
    /// The chunk that grows: its records, as they will stand in the file, and their entries.
    std::uint8_t* fresh_ = nullptr;
    std::size_t fresh_size_ = 0;
    std::vector<Entry> fresh_entries_;
    std::uint64_t added_ = 0;  ///< bytes in chunks that are full
    bool is_writable_ = true;
};

}  // namespace ring3
