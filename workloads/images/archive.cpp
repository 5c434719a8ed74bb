// SPDX-License-Identifier: MIT
#include "workloads/images/archive.hpp"

#include <cerrno>
#include <fstream>
#include <istream>
#include <system_error>

#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include "hv/base/errors.hpp"

namespace ring3 {
namespace {

constexpr std::size_t read_block_bytes = 65536;

using Entry = std::unique_ptr<archive_entry, decltype(&archive_entry_free)>;

Entry new_entry(const std::string& path, unsigned type, unsigned permissions) {
    Entry entry{archive_entry_new(), &archive_entry_free};
    archive_entry_set_pathname(entry.get(), path.c_str());
    archive_entry_set_filetype(entry.get(), type);
    archive_entry_set_perm(entry.get(), permissions);
    archive_entry_set_uid(entry.get(), 0);
    archive_entry_set_gid(entry.get(), 0);
    archive_entry_set_mtime(entry.get(), 0, 0);
    archive_entry_set_nlink(entry.get(), 1);
    return entry;
}

std::string normal_path(const char* path) {
    std::string_view text = path != nullptr ? path : "";
    while (text.starts_with("./") || text.starts_with("/"))
        text.remove_prefix(text[0] == '.' ? 2 : 1);
    while (text.ends_with("/")) text.remove_suffix(1);
    return std::string{text};
}

ArchiveEntry::Kind kind_of(unsigned type, const std::string& name) {
    switch (type) {
        case AE_IFREG:
            return ArchiveEntry::Kind::file;
        case AE_IFDIR:
            return ArchiveEntry::Kind::directory;
        case AE_IFLNK:
            return ArchiveEntry::Kind::symlink;
        case AE_IFCHR:
            return ArchiveEntry::Kind::character_device;
        case AE_IFBLK:
            return ArchiveEntry::Kind::block_device;
        case AE_IFIFO:
            return ArchiveEntry::Kind::fifo;
        default:
            throw EnvironmentError{fmt::format("{} is of no kind that an image can have", name)};
    }
}

std::string data_of(archive* reader, const std::string& name) {
    std::string content;
    for (;;) {
        const void* block = nullptr;
        std::size_t size = 0;
        la_int64_t offset = 0;
        const int result = archive_read_data_block(reader, &block, &size, &offset);
        if (result == ARCHIVE_EOF) return content;
        if (result != ARCHIVE_OK)
            throw EnvironmentError{
                fmt::format("{} is damaged: {}", name, archive_error_string(reader))};
        // A hole in a sparse file arrives as a gap between offsets.
        content.resize(static_cast<std::size_t>(offset));
        content.append(static_cast<const char*>(block), size);
    }
}

}  // namespace

void ArchiveReader::Free::operator()(archive* reader) const { archive_read_free(reader); }

ArchiveReader::ArchiveReader(int descriptor) : name_{"the package"}, archive_{archive_read_new()} {
    archive_read_support_format_tar(archive_.get());
    check(archive_read_open_fd(archive_.get(), descriptor, read_block_bytes));
}

ArchiveReader::ArchiveReader(const std::filesystem::path& file)
    : name_{file.string()}, archive_{archive_read_new()} {
    archive_read_support_format_tar(archive_.get());
    archive_read_support_format_cpio(archive_.get());
    archive_read_support_filter_all(archive_.get());
    check(archive_read_open_filename(archive_.get(), file.c_str(), read_block_bytes));
}

ArchiveReader::~ArchiveReader() = default;

void ArchiveReader::check(int result) const {
    if (result == ARCHIVE_OK) return;
    throw EnvironmentError{
        fmt::format("{} is damaged: {}", name_, archive_error_string(archive_.get()))};
}

bool ArchiveReader::next() {
    const int result = archive_read_next_header(archive_.get(), &entry_);
    if (result == ARCHIVE_EOF) return false;
    check(result);
    path_ = normal_path(archive_entry_pathname(entry_));
    return true;
}

bool ArchiveReader::is_file() const { return archive_entry_filetype(entry_) == AE_IFREG; }

ArchiveEntry ArchiveReader::entry() const {
    ArchiveEntry result;
    result.path = path_;
    result.permissions = archive_entry_perm(entry_);
    result.uid = archive_entry_uid(entry_);
    result.gid = archive_entry_gid(entry_);
    result.changed_at_s = archive_entry_mtime(entry_);
    if (const char* target = archive_entry_hardlink(entry_)) {
        result.kind = ArchiveEntry::Kind::hard_link;
        result.target = normal_path(target);
        return result;
    }
    result.kind = kind_of(archive_entry_filetype(entry_), name_ + "/" + path_);
    if (const char* target = archive_entry_symlink(entry_)) result.target = target;
    result.major = archive_entry_rdevmajor(entry_);
    result.minor = archive_entry_rdevminor(entry_);
    return result;
}

std::int64_t ArchiveReader::size() const { return archive_entry_size(entry_); }

std::string ArchiveReader::content() { return data_of(archive_.get(), name_ + "/" + path_); }

std::string decompress(const std::string& name, std::string_view bytes) {
    const std::unique_ptr<archive, int (*)(archive*)> reader{archive_read_new(),
                                                             &archive_read_free};
    archive_read_support_format_raw(reader.get());
    archive_read_support_filter_all(reader.get());
    archive_entry* entry = nullptr;
    if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK ||
        archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK)
        throw EnvironmentError{
            fmt::format("{} is damaged: {}", name, archive_error_string(reader.get()))};
    return data_of(reader.get(), name);
}

void compress_file(const std::filesystem::path& file, const std::filesystem::path& output) {
    std::ifstream input{file, std::ios::binary};
    ArchiveWriter writer{output, ArchiveWriter::Format::raw_zstd};
    writer.add_stream(input);
    writer.close();
}

void ArchiveWriter::Free::operator()(archive* writer) const { archive_write_free(writer); }

ArchiveWriter::ArchiveWriter(const std::filesystem::path& file, Format format)
    : name_{file.string()}, archive_{archive_write_new()} {
    archive* const writer = archive_.get();
    switch (format) {
        case Format::tar:
        case Format::tar_zstd:
            check(archive_write_set_format_pax_restricted(writer));
            break;
        case Format::cpio_newc:
            check(archive_write_set_format_cpio_newc(writer));
            break;
        case Format::raw_zstd:
            check(archive_write_set_format_raw(writer));
            break;
    }
    const bool is_compressed = format == Format::tar_zstd || format == Format::raw_zstd;
    check(is_compressed ? archive_write_add_filter_zstd(writer)
                        : archive_write_add_filter_none(writer));
    check(archive_write_open_filename(archive_.get(), file.c_str()));
}

ArchiveWriter::~ArchiveWriter() = default;

void ArchiveWriter::check(int result) const {
    if (result == ARCHIVE_OK) return;
    const int error = archive_errno(archive_.get());
    throw std::system_error{error > 0 ? error : EIO, std::generic_category(),
                            "cannot write " + name_};
}

void ArchiveWriter::put(archive_entry* entry, std::string_view content) {
    archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
    check(archive_write_header(archive_.get(), entry));
    if (content.empty()) return;
    const la_ssize_t written = archive_write_data(archive_.get(), content.data(), content.size());
    if (written != static_cast<la_ssize_t>(content.size())) check(ARCHIVE_FATAL);
}

void ArchiveWriter::add_stream(std::istream& input) {
    const Entry entry = new_entry("data", AE_IFREG, 0644);
    check(archive_write_header(archive_.get(), entry.get()));
    std::string block(read_block_bytes, '\0');
    while (input.read(block.data(), static_cast<std::streamsize>(block.size())) ||
           input.gcount() > 0) {
        const auto size = static_cast<std::size_t>(input.gcount());
        const la_ssize_t written = archive_write_data(archive_.get(), block.data(), size);
        if (written != static_cast<la_ssize_t>(size)) check(ARCHIVE_FATAL);
    }
}

void ArchiveWriter::add_directory(const std::string& path, unsigned permissions) {
    put(new_entry(path, AE_IFDIR, permissions).get(), {});
}

void ArchiveWriter::add_file(const std::string& path, std::string_view content,
                             unsigned permissions) {
    put(new_entry(path, AE_IFREG, permissions).get(), content);
}

void ArchiveWriter::add_symlink(const std::string& path, const std::string& target) {
    const Entry entry = new_entry(path, AE_IFLNK, 0777);
    archive_entry_set_symlink(entry.get(), target.c_str());
    put(entry.get(), {});
}

void ArchiveWriter::add_character_device(const std::string& path, unsigned major, unsigned minor,
                                         unsigned permissions) {
    const Entry entry = new_entry(path, AE_IFCHR, permissions);
    archive_entry_set_rdevmajor(entry.get(), major);
    archive_entry_set_rdevminor(entry.get(), minor);
    put(entry.get(), {});
}

void ArchiveWriter::add_copy(const std::string& path, ArchiveReader& reader) {
    archive_entry* const source = reader.entry_;
    const Entry entry = new_entry(path, archive_entry_filetype(source), archive_entry_perm(source));
    if (const char* target = archive_entry_symlink(source))
        archive_entry_set_symlink(entry.get(), target);
    put(entry.get(), reader.is_file() ? reader.content() : std::string{});
}

void ArchiveWriter::close() { check(archive_write_close(archive_.get())); }

}  // namespace ring3
