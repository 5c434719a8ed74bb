// SPDX-License-Identifier: MIT
#include "hv/machine/record/record_file.hpp"

#include <cerrno>
#include <charconv>
#include <fstream>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "hv/base/errors.hpp"

namespace ring3 {
namespace {

using Json = nlohmann::json;

constexpr int format_version = 1;

std::string to_hex(const std::vector<std::byte>& bytes) {
    std::string text;
    text.reserve(2 * bytes.size());
    for (const std::byte byte : bytes)
        fmt::format_to(std::back_inserter(text), "{:02x}", static_cast<unsigned>(byte));
    return text;
}

std::optional<std::vector<std::byte>> from_hex(const std::string& text) {
    if (text.size() % 2 != 0) return std::nullopt;
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        std::uint8_t byte = 0;
        const char* const end = text.data() + i + 2;
        const auto [stop, error] = std::from_chars(text.data() + i, end, byte, 16);
        if (error != std::errc{} || stop != end) return std::nullopt;
        bytes.push_back(std::byte{byte});
    }
    return bytes;
}

/// What a line says; throws nlohmann's exceptions for what is missing, and of another type.
void read_line(RecordReader& record, const Json& line) {
    const Time time{Duration{line.at("ns").get<std::int64_t>()}};
    const bool is_in_order = !record.end && time >= Time{} &&
                             (record.inputs.empty() || record.inputs.back().time <= time);
    if (!is_in_order) throw ConfigError{"its time is before that of the line above"};
    if (line.contains("end")) {
        record.end = time;
        return;
    }
    auto bytes = from_hex(line.at("bytes").get<std::string>());
    if (!bytes) throw ConfigError{"\"bytes\" are no hexadecimal digits"};
    record.inputs.push_back({time, line.at("source").get<std::string>(), std::move(*bytes)});
}

}  // namespace

RecordWriter::RecordWriter(std::filesystem::path path, const std::string& identity)
    : path_(std::move(path)),
      file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
    if (file_ < 0)
        throw EnvironmentError{fmt::format("cannot write the record {}: {}", path_.string(),
                                           std::generic_category().message(errno))};
    put(Json{{"ring3_record", format_version}, {"identity", identity}}.dump());
}

RecordWriter::~RecordWriter() { ::close(file_); }

void RecordWriter::add(const RecordedInput& input) {
    put(Json{{"ns", input.time.time_since_epoch().count()},
             {"source", input.source},
             {"bytes", to_hex(input.bytes)}}
            .dump());
}

void RecordWriter::end(Time time) {
    put(Json{{"ns", time.time_since_epoch().count()}, {"end", true}}.dump());
}

void RecordWriter::put(std::string line) {
    line += '\n';
    std::string_view rest = line;
    while (!rest.empty()) {
        const ssize_t written = ::write(file_, rest.data(), rest.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0)
            throw EnvironmentError{fmt::format("cannot write the record {}: {}", path_.string(),
                                               std::generic_category().message(errno))};
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
}

RecordReader::RecordReader(const std::filesystem::path& path) {
    std::ifstream file(path);
    if (!file)
        throw ConfigError{fmt::format("cannot read the record {}: {}", path.string(),
                                      std::generic_category().message(errno))};
    std::string line;
    for (std::size_t number = 1; std::getline(file, line); ++number) {
        const bool is_cut_short = file.eof();
        try {
            const Json document = Json::parse(line);
            if (number > 1) {
                read_line(*this, document);
            } else {
                if (document.at("ring3_record") != format_version)
                    throw ConfigError{fmt::format("is of another version than {}", format_version)};
                identity = document.at("identity").get<std::string>();
            }
        } catch (const Json::exception&) {
            if (is_cut_short && number > 1) return;
            throw ConfigError{
                fmt::format("{}:{}: not a line of a ring3 record", path.string(), number)};
        } catch (const ConfigError& error) {
            throw ConfigError{fmt::format("{}:{}: {}", path.string(), number, error.what())};
        }
    }
    if (identity.empty())
        throw ConfigError{fmt::format("{}: not a ring3 record: it is empty", path.string())};
}

}  // namespace ring3
