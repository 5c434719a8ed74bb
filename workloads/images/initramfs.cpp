// SPDX-License-Identifier: MIT
#include "workloads/images/initramfs.hpp"

#include "hv/base/check.hpp"

namespace ring3 {

void Initramfs::put(const std::string& path, Node node) {
    HV_CHECK(!path.empty() && path.front() != '/', "paths in an archive are relative");
    for (std::size_t at = path.find('/'); at != path.npos; at = path.find('/', at + 1))
        nodes_.try_emplace(path.substr(0, at), Node{});
    nodes_.insert_or_assign(path, std::move(node));
}

void Initramfs::add_directory(const std::string& path, unsigned permissions) {
    put(path, {.kind = Kind::directory, .permissions = permissions, .content = {}});
}

void Initramfs::add_file(const std::string& path, std::string content, unsigned permissions) {
    put(path, {.kind = Kind::file, .permissions = permissions, .content = std::move(content)});
}

void Initramfs::add_symlink(const std::string& path, std::string target) {
    put(path, {.kind = Kind::symlink, .permissions = 0777, .content = std::move(target)});
}

void Initramfs::add_character_device(const std::string& path, unsigned major, unsigned minor,
                                     unsigned permissions) {
    put(path, {.kind = Kind::character_device,
               .permissions = permissions,
               .content = {},
               .major = major,
               .minor = minor});
}

void Initramfs::write(const std::filesystem::path& file) const {
    write_to(ArchiveWriter{file, ArchiveWriter::Format::cpio_newc});
}

void Initramfs::write_tar(const std::filesystem::path& file) const {
    write_to(ArchiveWriter{file, ArchiveWriter::Format::tar});
}

void Initramfs::write_to(ArchiveWriter&& archive) const {
    for (const auto& [path, node] : nodes_) {
        switch (node.kind) {
            case Kind::directory:
                archive.add_directory(path, node.permissions);
                break;
            case Kind::file:
                archive.add_file(path, node.content, node.permissions);
                break;
            case Kind::symlink:
                archive.add_symlink(path, node.content);
                break;
            case Kind::character_device:
                archive.add_character_device(path, node.major, node.minor, node.permissions);
                break;
        }
    }
    archive.close();
}

}  // namespace ring3
