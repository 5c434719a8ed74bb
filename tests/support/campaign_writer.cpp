// SPDX-License-Identifier: MIT
#include "tests/support/campaign_writer.hpp"

#include <algorithm>
#include <bit>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <H5Cpp.h>

namespace ring3::test {
namespace {

using analysis::Campaign;
using analysis::Columns;

H5::StrType text_type(std::size_t size) {
    H5::StrType type{H5::PredType::C_S1, size};
    type.setCset(H5T_CSET_UTF8);
    type.setStrpad(H5T_STR_NULLTERM);
    return type;
}

H5::EnumType enum_type(std::span<const char* const> names, const H5::PredType& base) {
    H5::EnumType type{base};
    for (std::size_t i = 0; i < names.size(); ++i) {
        auto code = static_cast<std::uint8_t>(i);
        type.insert(names[i], &code);
    }
    return type;
}

H5::DataType type_of(const record::Column& column) {
    constexpr const char* flags[] = {"FALSE", "TRUE"};
    switch (column.kind) {
        case record::Kind::text:
            return text_type(column.size);
        case record::Kind::u8:
            return H5::PredType::STD_U8LE;
        case record::Kind::u16:
        case record::Kind::event:
            return H5::PredType::STD_U16LE;
        case record::Kind::u32:
            return H5::PredType::STD_U32LE;
        case record::Kind::u64:
            return H5::PredType::STD_U64LE;
        case record::Kind::i64:
            return H5::PredType::STD_I64LE;
        case record::Kind::f64:
            return H5::PredType::IEEE_F64LE;
        case record::Kind::flag:
            return enum_type(flags, H5::PredType::STD_I8LE);
        case record::Kind::status:
            return enum_type(record::status_names, H5::PredType::STD_U8LE);
        case record::Kind::better:
            return enum_type(record::better_names, H5::PredType::STD_U8LE);
    }
    return {};
}

template <typename Row>
void write_table(const H5::H5File& file, const std::string& name, const std::vector<Row>& rows,
                 std::span<const record::Column> columns) {
    H5::CompType type{sizeof(Row)};
    for (const record::Column& column : columns)
        type.insertMember(column.name, column.offset, type_of(column));
    const hsize_t size = rows.size();
    const H5::DataSet set = file.createDataSet(name, type, H5::DataSpace{1, &size});
    if (size > 0) set.write(rows.data(), type);
}

void write_text_attribute(const H5::H5Object& object, const std::string& name,
                          const std::string& text) {
    const H5::StrType type = text_type(text.size() + 1);
    object.createAttribute(name, type, H5::DataSpace{}).write(type, text);
}

void write_text(const H5::H5File& file, const std::string& name, const std::string& text) {
    const H5::StrType type = text_type(text.size() + 1);
    file.createDataSet(name, type, H5::DataSpace{}).write(text, type);
}

/// The different texts of a column, as categories.
std::vector<std::string> categories_of(const analysis::Column& column) {
    std::vector<std::string> names;
    for (const std::string& text : column.texts)
        if (std::ranges::find(names, text) == names.end()) names.push_back(text);
    return names;
}

H5::DataType category_type(const std::vector<std::string>& names) {
    H5::EnumType type{H5::PredType::STD_U64LE};
    for (std::uint64_t code = 0; code < names.size(); ++code) type.insert(names[code], &code);
    return type;
}

/// Every column has eight bytes.
void write_columns(const H5::H5File& file, const std::string& name, const Columns& table) {
    H5::CompType type{sizeof(double) * table.size()};
    std::vector<std::vector<std::string>> categories;
    for (std::size_t i = 0; i < table.size(); ++i) {
        categories.push_back(categories_of(table[i]));
        type.insertMember(table[i].name, i * sizeof(double),
                          table[i].texts.empty() ? H5::DataType{H5::PredType::IEEE_F64LE}
                                                 : category_type(categories[i]));
    }
    const hsize_t rows =
        table.empty() ? 0 : std::max(table[0].numbers.size(), table[0].texts.size());
    std::vector<std::uint64_t> cells;
    for (std::size_t row = 0; row < rows; ++row)
        for (std::size_t i = 0; i < table.size(); ++i) {
            if (table[i].texts.empty())
                cells.push_back(std::bit_cast<std::uint64_t>(table[i].numbers[row]));
            else
                cells.push_back(static_cast<std::uint64_t>(
                    std::ranges::find(categories[i], table[i].texts[row]) - categories[i].begin()));
        }
    file.createDataSet(name, type, H5::DataSpace{1, &rows}).write(cells.data(), type);
}

H5::H5File make_file(const std::filesystem::path& path, const char* format,
                     const Campaign& campaign) {
    H5::H5File file{path.string(), H5F_ACC_TRUNC};
    const H5::Group root = file.openGroup("/");
    write_text_attribute(root, "format", format);
    const H5::IntType number{H5::PredType::STD_U32LE};
    root.createAttribute("format_version", number, H5::DataSpace{})
        .write(H5::PredType::NATIVE_UINT32, &record::format_version);
    write_text_attribute(root, "generator", campaign.generator);
    write_text_attribute(root, "descriptor_sha256", campaign.descriptor_sha256);
    return file;
}

record::Value row(const analysis::Value& value) {
    return {value.domain, value.program, value.metric,    value.unit,  value.better,
            value.warm,   value.ok,      value.iteration, value.value, value.guest_value};
}

void write_run(const Campaign& campaign, const analysis::Run& run,
               const std::filesystem::path& folder) {
    const H5::H5File file = make_file(folder / run.file, record::run_format, campaign);
    const H5::Group meta = file.createGroup("/meta");
    for (const auto& [name, text] : run.meta) write_text_attribute(meta, name, text);
    file.createGroup("/result");
    std::vector<record::Value> rows;
    for (const analysis::Value& value : run.values) rows.push_back(row(value));
    write_table(file, "/result/values", rows, record::value_columns);
    if (!run.events.empty()) {
        file.createGroup("/trace");
        write_columns(file, "/trace/events", run.events);
    }
    if (run.series.empty()) return;
    file.createGroup("/series");
    for (const auto& [name, table] : run.series) write_columns(file, "/series/" + name, table);
}

void write_index(const Campaign& campaign, const std::filesystem::path& folder) {
    const H5::H5File file = make_file(folder / "index.h5", record::campaign_format, campaign);
    const H5::Group about = file.createGroup("/campaign");
    write_text_attribute(about, "name", campaign.name);
    write_text_attribute(about, "title", campaign.title);
    write_text_attribute(about, "question", campaign.question);
    write_text_attribute(about, "baseline", campaign.baseline);
    write_text(file, "/campaign/descriptor", campaign.descriptor);
    std::vector<record::Cell> cells;
    for (const analysis::Cell& cell : campaign.cells)
        cells.push_back({cell.cell, cell.platform, cell.platform_kind, cell.workload, cell.size,
                         cell.clock, cell.seed, cell.factors});
    write_table(file, "/cells", cells, record::cell_columns);
    std::vector<record::Run> runs;
    for (const analysis::Run& run : campaign.runs)
        runs.push_back(
            {run.run, run.cell, run.repetition, run.status, run.noisy, run.file, run.reason});
    write_table(file, "/runs", runs, record::run_columns);
    std::vector<record::Claim> claims;
    for (const analysis::Claim& claim : campaign.claims)
        claims.push_back({claim.name, claim.text, claim.workload, claim.program, claim.metric,
                          claim.platform, claim.than, claim.factors, claim.than_factors,
                          claim.at_least, claim.at_most});
    write_table(file, "/claims", claims, record::claim_columns);
    std::vector<record::Difference> differences;
    for (const analysis::Difference& difference : campaign.differences)
        differences.push_back(
            {difference.platform, difference.what, difference.text, difference.declared});
    write_table(file, "/differences", differences, record::difference_columns);
}

void write_host(const Campaign& campaign, const std::filesystem::path& folder) {
    const H5::H5File file = make_file(folder / "host.h5", record::host_format, campaign);
    const H5::Group host = file.createGroup("/host");
    for (const auto& [name, text] : campaign.host) write_text_attribute(host, name, text);
    write_table(file, "/host/runs", campaign.host_runs, record::host_run_columns);
}

}  // namespace

void write_campaign(const Campaign& campaign, const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    write_index(campaign, folder);
    for (const analysis::Run& run : campaign.runs)
        if (!run.file.empty()) write_run(campaign, run, folder);
    if (!campaign.host.empty()) write_host(campaign, folder);
}

}  // namespace ring3::test
