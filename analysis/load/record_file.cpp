// SPDX-License-Identifier: MIT
#include "analysis/load/record_file.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <H5Cpp.h>
#include <fmt/format.h>

#include "hv/base/errors.hpp"

namespace ring3::analysis {

namespace {

/// A file of this size has no honest table with more rows.
constexpr hsize_t most_honest_rows = hsize_t{1} << 32;

H5::EnumType enum_type(std::span<const char* const> names) {
    H5::EnumType type{H5::PredType::NATIVE_UINT8};
    for (std::size_t i = 0; i < names.size(); ++i) {
        auto code = static_cast<std::uint8_t>(i);
        type.insert(names[i], &code);
    }
    return type;
}

H5::EnumType flag_type() {
    H5::EnumType type{H5::PredType::NATIVE_INT8};
    std::int8_t no = 0, yes = 1;
    type.insert("FALSE", &no);
    type.insert("TRUE", &yes);
    return type;
}

H5::StrType text_type(std::size_t size) {
    H5::StrType type{H5::PredType::C_S1, size};
    type.setCset(H5T_CSET_UTF8);
    type.setStrpad(H5T_STR_NULLTERM);
    return type;
}

H5::DataType memory_type(const record::Column& column) {
    switch (column.kind) {
        case record::Kind::text:
            return text_type(column.size);
        case record::Kind::u8:
            return H5::PredType::NATIVE_UINT8;
        case record::Kind::u16:
        case record::Kind::event:  // rows of traces are read as tables of any columns
            return H5::PredType::NATIVE_UINT16;
        case record::Kind::u32:
            return H5::PredType::NATIVE_UINT32;
        case record::Kind::u64:
            return H5::PredType::NATIVE_UINT64;
        case record::Kind::i64:
            return H5::PredType::NATIVE_INT64;
        case record::Kind::f64:
            return H5::PredType::NATIVE_DOUBLE;
        case record::Kind::flag:
            return flag_type();
        case record::Kind::status:
            return enum_type(record::status_names);
        case record::Kind::better:
            return enum_type(record::better_names);
    }
    return {};
}

std::string attribute_text(const H5::Attribute& attribute) {
    const H5::DataType type = attribute.getDataType();
    if (type.getClass() == H5T_STRING) {
        std::string text;
        attribute.read(attribute.getStrType(), text);
        // Of a fixed length, what stands behind the end comes along.
        return text.c_str();
    }
    if (type.getClass() == H5T_FLOAT) {
        double number = 0;
        attribute.read(H5::PredType::NATIVE_DOUBLE, &number);
        return fmt::format("{}", number);
    }
    if (type.getClass() == H5T_INTEGER) {
        if (H5Tget_sign(type.getId()) == H5T_SGN_NONE) {
            std::uint64_t number = 0;
            attribute.read(H5::PredType::NATIVE_UINT64, &number);
            return fmt::format("{}", number);
        }
        std::int64_t number = 0;
        attribute.read(H5::PredType::NATIVE_INT64, &number);
        return fmt::format("{}", number);
    }
    if (type.getClass() == H5T_ENUM) {
        const H5::EnumType as_enum = attribute.getEnumType();
        std::vector<std::uint8_t> code(as_enum.getSize());
        attribute.read(as_enum, code.data());
        return as_enum.nameOf(code.data(), 64);
    }
    throw H5::AttributeIException{"attribute_text", "neither text nor a number"};
}

}  // namespace

struct RecordFile::Open {
    std::filesystem::path path;
    H5::H5File file;

    /// Does `what`, and tells of an HDF5 error with the object's name.
    template <typename What>
    auto guarded(const std::string& object, What what) const {
        try {
            return what();
        } catch (const H5::Exception& error) {
            throw ConfigError{
                fmt::format("{}: {} cannot be read ({}): the file is damaged or of "
                            "another version of ring3",
                            path.string(), object, error.getDetailMsg())};
        }
    }

    H5::DataSet table(const std::string& object) const {
        H5::DataSet set = file.openDataSet(object);
        if (set.getTypeClass() != H5T_COMPOUND || set.getSpace().getSimpleExtentNdims() != 1)
            throw H5::DataSetIException{"table", "it is no table"};
        return set;
    }
};

RecordFile::RecordFile(const std::filesystem::path& path, const char* format)
    : open_{std::make_unique<Open>()} {
    H5::Exception::dontPrint();
    open_->path = path;
    if (!std::filesystem::exists(path))
        throw ConfigError{fmt::format("{}: there is no such file", path.string())};
    try {
        open_->file.openFile(path.string(), H5F_ACC_RDONLY);
    } catch (const H5::Exception&) {
        throw ConfigError{
            fmt::format("{}: is no HDF5 file, or was cut off before its end", path.string())};
    }
    const auto found = attributes("/");
    const auto its_format = found.find("format");
    if (its_format == found.end() || its_format->second != format)
        throw ConfigError{fmt::format(
            "{}: is not a \"{}\" file but {}", path.string(), format,
            its_format == found.end() ? "none of ring3's" : "\"" + its_format->second + "\"")};
    const auto version = found.find("format_version");
    const std::string its_version = version == found.end() ? "none" : version->second;
    if (its_version != std::to_string(record::format_version))
        throw ConfigError{fmt::format("{}: has version {} of the format; this ring3 reads {}",
                                      path.string(), its_version, record::format_version)};
}

RecordFile::~RecordFile() = default;

bool RecordFile::has(const std::string& object) const {
    // Each part of the path: a missing group would be an error.
    for (std::size_t end = object.find('/', 1);; end = object.find('/', end + 1)) {
        if (H5Lexists(open_->file.getId(), object.substr(0, end).c_str(), H5P_DEFAULT) <= 0)
            return false;
        if (end == object.npos) return true;
    }
}

std::map<std::string, std::string> RecordFile::attributes(const std::string& object) const {
    return open_->guarded(object, [&] {
        std::map<std::string, std::string> found;
        const H5::Group group = open_->file.openGroup(object);
        for (int i = 0; i < group.getNumAttrs(); ++i) {
            const H5::Attribute attribute = group.openAttribute(static_cast<unsigned>(i));
            found[attribute.getName()] = attribute_text(attribute);
        }
        return found;
    });
}

std::string RecordFile::text(const std::string& object) const {
    return open_->guarded(object, [&] {
        const H5::DataSet set = open_->file.openDataSet(object);
        std::string text;
        set.read(text, set.getStrType());
        return std::string{text.c_str()};
    });
}

std::string RecordFile::bytes(const std::string& object) const {
    return open_->guarded(object, [&] {
        const H5::DataSet set = open_->file.openDataSet(object);
        const auto size = set.getSpace().getSimpleExtentNpoints();
        std::string bytes(static_cast<std::size_t>(size), '\0');
        if (!bytes.empty()) set.read(bytes.data(), H5::PredType::NATIVE_UINT8);
        return bytes;
    });
}

std::vector<std::string> RecordFile::names(const std::string& group) const {
    return open_->guarded(group, [&] {
        std::vector<std::string> found;
        const H5::Group opened = open_->file.openGroup(group);
        for (hsize_t i = 0; i < opened.getNumObjs(); ++i)
            found.push_back(opened.getObjnameByIdx(i));
        std::ranges::sort(found);
        return found;
    });
}

std::size_t RecordFile::count(const std::string& object) const {
    return open_->guarded(object, [&] {
        const auto points = open_->table(object).getSpace().getSimpleExtentNpoints();
        if (points < 0 || static_cast<hsize_t>(points) > most_honest_rows)
            throw H5::DataSetIException{"count", "it has no honest number of rows"};
        return static_cast<std::size_t>(points);
    });
}

void RecordFile::read(const std::string& object, std::span<const record::Column> columns,
                      std::size_t row_size, void* rows) const {
    open_->guarded(object, [&] {
        const H5::DataSet set = open_->table(object);
        const H5::CompType there = set.getCompType();
        H5::CompType type{row_size};
        for (const record::Column& column : columns) {
            // HDF5 would pass over a column that is not there.
            if (H5Tget_member_index(there.getId(), column.name) < 0) {
                if (column.is_later) continue;
                throw H5::DataSetIException{"read", fmt::format("no column {}", column.name)};
            }
            type.insertMember(column.name, column.offset, memory_type(column));
        }
        if (set.getSpace().getSimpleExtentNpoints() > 0) set.read(rows, type);
    });
}

namespace {

void read_first(const H5::DataSet& set, std::size_t rows, const H5::DataType& type, void* to) {
    if (rows == 0) return;
    const hsize_t count = rows, start = 0;
    const H5::DataSpace all = set.getSpace();
    all.selectHyperslab(H5S_SELECT_SET, &count, &start);
    set.read(to, type, H5::DataSpace{1, &count}, all);
}

std::vector<double> numbers_of(const H5::DataSet& set, const std::string& name, std::size_t rows) {
    std::vector<double> numbers(rows);
    H5::CompType one{sizeof(double)};
    one.insertMember(name, 0, H5::PredType::NATIVE_DOUBLE);
    read_first(set, rows, one, numbers.data());
    return numbers;
}

std::vector<std::string> texts_of(const H5::DataSet& set, const std::string& name, std::size_t rows,
                                  std::size_t size) {
    std::vector<char> bytes(rows * size);
    H5::CompType one{size};
    one.insertMember(name, 0, text_type(size));
    read_first(set, rows, one, bytes.data());
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < rows; ++i) {
        const char* const at = bytes.data() + i * size;
        texts.emplace_back(at, std::find(at, at + size, '\0'));
    }
    return texts;
}

std::vector<std::string> categories_of(const H5::DataSet& set, const std::string& name,
                                       std::size_t rows, const H5::EnumType& type) {
    const std::size_t size = type.getSize();
    std::vector<std::uint8_t> codes(rows * size);
    H5::CompType one{size};
    one.insertMember(name, 0, type);
    read_first(set, rows, one, codes.data());
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < rows; ++i)
        texts.push_back(type.nameOf(codes.data() + i * size, 64));
    return texts;
}

}  // namespace

Columns RecordFile::table(const std::string& object, std::size_t most_rows) const {
    const std::size_t rows = std::min(count(object), most_rows);
    return open_->guarded(object, [&] {
        const H5::DataSet set = open_->table(object);
        const H5::CompType type = set.getCompType();
        Columns table;
        for (int i = 0; i < type.getNmembers(); ++i) {
            const auto member = static_cast<unsigned>(i);
            Column column{type.getMemberName(member), {}, {}};
            const H5T_class_t kind = type.getMemberClass(member);
            if (kind == H5T_STRING)
                column.texts =
                    texts_of(set, column.name, rows, type.getMemberStrType(member).getSize() + 1);
            else if (kind == H5T_ENUM)
                column.texts =
                    categories_of(set, column.name, rows, type.getMemberEnumType(member));
            else
                column.numbers = numbers_of(set, column.name, rows);
            table.push_back(std::move(column));
        }
        return table;
    });
}

}  // namespace ring3::analysis
