// SPDX-License-Identifier: MIT
#include "experiments/runner/record/hdf5_file.hpp"

#include <functional>
#include <numeric>

#include <H5Cpp.h>
#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "build_info.hpp"
#include "hv/base/check.hpp"
#include "hv/base/errors.hpp"
#include "hv/trace/schema.hpp"

namespace ring3::record {
namespace {

constexpr hsize_t chunk_rows = 16384;

H5::EnumType enum_of(std::span<const char* const> names) {
    H5::EnumType type(H5::PredType::STD_U8LE);
    for (std::uint8_t code = 0; code < names.size(); ++code) type.insert(names[code], &code);
    return type;
}

H5::EnumType event_type() {
    H5::EnumType type(H5::PredType::STD_U16LE);
    for (const trace::EventInfo& info : trace::events()) {
        const auto code = static_cast<std::uint16_t>(info.event);
        type.insert(std::string(info.name), const_cast<std::uint16_t*>(&code));
    }
    return type;
}

H5::DataType type_of(const Column& column) {
    switch (column.kind) {
        case Kind::text: {
            H5::StrType type(H5::PredType::C_S1, column.size);
            type.setCset(H5T_CSET_UTF8);
            type.setStrpad(H5T_STR_NULLTERM);
            return type;
        }
        case Kind::u8:
            return H5::PredType::STD_U8LE;
        case Kind::u16:
            return H5::PredType::STD_U16LE;
        case Kind::u32:
            return H5::PredType::STD_U32LE;
        case Kind::u64:
            return H5::PredType::STD_U64LE;
        case Kind::i64:
            return H5::PredType::STD_I64LE;
        case Kind::f64:
            return H5::PredType::IEEE_F64LE;
        case Kind::flag:
            return enum_of(std::array{"FALSE", "TRUE"});
        case Kind::status:
            return enum_of(status_names);
        case Kind::better:
            return enum_of(better_names);
        case Kind::event:
            return event_type();
    }
    HV_CHECK(false, "a column of no kind");
}

/// A row as it lies in memory, or packed as in the file.
H5::CompType row_type(std::span<const Column> columns, std::size_t memory_size) {
    const std::size_t packed =
        std::accumulate(columns.begin(), columns.end(), std::size_t{0},
                        [](std::size_t sum, const Column& column) { return sum + column.size; });
    const bool is_packed = memory_size == 0;
    H5::CompType type(is_packed ? packed : memory_size);
    std::size_t offset = 0;
    for (const Column& column : columns) {
        type.insertMember(column.name, is_packed ? offset : column.offset, type_of(column));
        offset += column.size;
    }
    return type;
}

H5::StrType text_type(std::size_t size) {
    H5::StrType type(H5::PredType::C_S1, std::max<std::size_t>(size, 1));
    type.setCset(H5T_CSET_UTF8);
    type.setStrpad(H5T_STR_NULLTERM);
    return type;
}

/// What h5py reads as a bool, PyTables as a Table, and so on: the names of the specification.
void describe_table(H5::DataSet& set, const std::string& title, std::span<const Column> columns) {
    const auto put = [&](const std::string& name, const std::string& value) {
        const H5::StrType type = text_type(value.size() + 1);
        set.createAttribute(name, type, H5::DataSpace(H5S_SCALAR)).write(type, value.c_str());
    };
    put("CLASS", "TABLE");
    put("VERSION", "3.0");
    put("TITLE", title);
    for (std::size_t i = 0; i < columns.size(); ++i)
        put(fmt::format("FIELD_{}_NAME", i), columns[i].name);
}

/// H5::Exception is no std::exception, and says little by itself.
template <class Body>
auto guarded(const std::filesystem::path& path, Body&& body) {
    try {
        H5::Exception::dontPrint();
        return body();
    } catch (const H5::Exception& error) {
        throw EnvironmentError{fmt::format("cannot write {}: {} ({})", path.string(),
                                           error.getDetailMsg(), error.getFuncName())};
    }
}

}  // namespace

struct Hdf5File::Open {
    H5::H5File file;
};

Hdf5File::Hdf5File(const std::filesystem::path& path, std::string_view format,
                   std::string_view descriptor_sha256)
    : path_(path), unfinished_(path.string() + ".unfinished") {
    guarded(path_, [&] {
        open_ = std::make_unique<Open>();
        open_->file = H5::H5File(unfinished_.string(), H5F_ACC_TRUNC);
    });
    attribute("/", "format", format);
    attribute("/", "format_version", format_version);
    attribute("/", "generator", fmt::format("ring3 {}", build_info::version));
    attribute("/", "descriptor_sha256", descriptor_sha256);
}

Hdf5File::~Hdf5File() {
    if (!open_) return;
    open_.reset();
    std::error_code ignored;
    std::filesystem::remove(unfinished_, ignored);
}

void Hdf5File::group(const std::string& path) {
    guarded(path_, [&] { open_->file.createGroup(path); });
}

void Hdf5File::attribute(const std::string& object, const std::string& name,
                         std::string_view value) {
    guarded(path_, [&] {
        const H5::StrType type = text_type(value.size() + 1);
        const std::string text(value);
        open_->file.openGroup(object)
            .createAttribute(name, type, H5::DataSpace(H5S_SCALAR))
            .write(type, text.c_str());
    });
}

void Hdf5File::attribute(const std::string& object, const std::string& name, std::uint64_t value) {
    guarded(path_, [&] {
        open_->file.openGroup(object)
            .createAttribute(name, H5::PredType::STD_U64LE, H5::DataSpace(H5S_SCALAR))
            .write(H5::PredType::NATIVE_UINT64, &value);
    });
}

void Hdf5File::text(const std::string& path, std::string_view value) {
    guarded(path_, [&] {
        H5::DSetCreatPropList properties;
        H5Pset_obj_track_times(properties.getId(), false);
        const H5::StrType type = text_type(value.size() + 1);
        const std::string text(value);
        open_->file.createDataSet(path, type, H5::DataSpace(H5S_SCALAR), properties)
            .write(text.c_str(), type);
    });
}

void Hdf5File::bytes(const std::string& path, std::string_view value) {
    guarded(path_, [&] {
        const hsize_t size = value.size();
        H5::DSetCreatPropList properties;
        H5Pset_obj_track_times(properties.getId(), false);
        H5::DataSet set = open_->file.createDataSet(path, H5::PredType::STD_U8LE,
                                                    H5::DataSpace(1, &size), properties);
        if (size > 0) set.write(value.data(), H5::PredType::NATIVE_UINT8);
    });
}

void Hdf5File::write_table(const std::string& path, const std::string& title,
                           std::span<const Column> columns, const void* rows, std::size_t count,
                           std::size_t row_size) {
    guarded(path_, [&] {
        H5::DSetCreatPropList properties;
        H5Pset_obj_track_times(properties.getId(), false);
        const hsize_t size = count;
        if (size >= chunk_rows) {
            properties.setChunk(1, &chunk_rows);
            properties.setShuffle();
            properties.setDeflate(1);
        }
        H5::DataSet set = open_->file.createDataSet(path, row_type(columns, 0),
                                                    H5::DataSpace(1, &size), properties);
        if (size > 0) set.write(rows, row_type(columns, row_size));
        describe_table(set, title, columns);
    });
}

void Hdf5File::link(const std::string& path, const std::string& file) {
    guarded(path_, [&] {
        if (H5Lcreate_external(file.c_str(), "/", open_->file.getId(), path.c_str(), H5P_DEFAULT,
                               H5P_DEFAULT) < 0)
            throw H5::FileIException("link", "an external link cannot be made");
    });
}

void Hdf5File::commit() {
    guarded(path_, [&] { open_->file.close(); });
    const int file = ::open(unfinished_.c_str(), O_RDWR | O_CLOEXEC);
    const bool is_on_disk = file >= 0 && ::fsync(file) == 0;
    const int error = errno;
    if (file >= 0) ::close(file);
    if (!is_on_disk)
        throw std::system_error{error, std::generic_category(),
                                fmt::format("cannot write {}", path_.string())};
    close();
}

void Hdf5File::close() {
    guarded(path_, [&] { open_->file.close(); });
    std::filesystem::rename(unfinished_, path_);
    open_.reset();
}

}  // namespace ring3::record
