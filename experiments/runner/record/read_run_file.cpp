// SPDX-License-Identifier: MIT
#include <sstream>

#include <H5Cpp.h>

#include <fmt/format.h>

#include "experiments/runner/record/run_record.hpp"
#include "hv/base/errors.hpp"

namespace ring3::record {
namespace {

std::string text_of(const H5::H5File& file, const char* path) {
    const H5::DataSet set = file.openDataSet(path);
    std::string text;
    set.read(text, set.getStrType());
    // The type has a size of its own; the text ends at its NUL.
    return text.substr(0, text.find('\0'));
}

std::string attribute_of(const H5::Group& group, const char* name) {
    const H5::Attribute attribute = group.openAttribute(name);
    std::string text;
    attribute.read(attribute.getStrType(), text);
    return text.substr(0, text.find('\0'));
}

std::string bytes_of(const H5::H5File& file, const char* path) {
    const H5::DataSet set = file.openDataSet(path);
    std::string bytes(static_cast<std::size_t>(set.getSpace().getSimpleExtentNpoints()), '\0');
    if (!bytes.empty()) set.read(bytes.data(), H5::PredType::NATIVE_UINT8);
    return bytes;
}

}  // namespace

RecordedRun read_run_file(const std::filesystem::path& path) {
    try {
        H5::Exception::dontPrint();
        const H5::H5File file(path.string(), H5F_ACC_RDONLY);
        if (attribute_of(file.openGroup("/"), "format") != run_format)
            throw ConfigError{
                fmt::format("{} is no file of a run, run-0001.h5 or so", path.string())};
        RecordedRun run;
        run.descriptor = text_of(file, "/meta/descriptor");
        run.clock = attribute_of(file.openGroup("/meta"), "clock");
        run.console = bytes_of(file, "/console");
        std::istringstream settings(text_of(file, "/meta/settings"));
        for (std::string line; std::getline(settings, line);) run.settings.push_back(line);
        std::uint64_t cell = 0;
        file.openGroup("/meta").openAttribute("cell").read(H5::PredType::NATIVE_UINT64, &cell);
        run.cell = static_cast<std::uint32_t>(cell);
        return run;
    } catch (const H5::Exception& error) {
        throw ConfigError{fmt::format("{} cannot be read as a file of a run: {} ({})",
                                      path.string(), error.getDetailMsg(), error.getFuncName())};
    }
}

}  // namespace ring3::record
