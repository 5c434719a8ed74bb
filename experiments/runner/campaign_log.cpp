// SPDX-License-Identifier: MIT
#include "experiments/runner/campaign_log.hpp"

#include <cerrno>
#include <chrono>
#include <ctime>
#include <fstream>
#include <map>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ring3::experiment {
namespace {

using Json = nlohmann::json;

std::string dumped(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

LoggedRun logged(const Json& json) {
    LoggedRun entry;
    entry.label = json.at("label");
    record::Run& run = entry.run;
    run.run = json.at("run");
    run.cell = json.at("cell");
    run.repetition = json.at("repetition");
    const std::string status = json.at("status");
    for (std::size_t code = 0; code < record::status_names.size(); ++code)
        if (status == record::status_names[code]) run.status = static_cast<record::Status>(code);
    run.noisy = json.at("noisy").get<bool>();
    run.file = json.at("file").get<std::string>();
    run.reason = json.at("reason").get<std::string>();
    const Json& host = json.at("host");
    entry.host = {run.run,
                  host.at("started_utc_ns"),
                  host.at("wall_ns"),
                  host.at("cpu_ns"),
                  host.at("peak_rss_bytes"),
                  host.at("load_before"),
                  host.at("load_after"),
                  host.at("spin_jitter"),
                  host.at("steal")};
    return entry;
}

/// What is cut, as by a kill in the middle of a line, is left out.
template <class Take>
void each_line(const std::filesystem::path& path, Take take) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);)
        if (const Json json = Json::parse(line, nullptr, false); json.is_object()) take(json);
}

}  // namespace

std::string utc_now() {
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

void CampaignLog::append(const std::string& line) const {
    const int file = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    const std::string text = line + "\n";
    const bool is_written =
        file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
        ::fdatasync(file) == 0;
    const int error = errno;
    if (file >= 0) ::close(file);
    if (!is_written)
        throw std::system_error{error, std::generic_category(), "cannot write " + path_.string()};
}

void CampaignLog::add(const LoggedRun& entry) const {
    const record::Run& run = entry.run;
    const record::HostRun& host = entry.host;
    append(dumped({{"time", utc_now()},
                   {"label", entry.label},
                   {"run", run.run},
                   {"cell", run.cell},
                   {"repetition", run.repetition},
                   {"status", record::status_names.at(static_cast<std::size_t>(run.status))},
                   {"noisy", run.noisy != 0},
                   {"file", run.file.view()},
                   {"reason", run.reason.view()},
                   {"host",
                    {{"started_utc_ns", host.started_utc_ns},
                     {"wall_ns", host.wall_ns},
                     {"cpu_ns", host.cpu_ns},
                     {"peak_rss_bytes", host.peak_rss_bytes},
                     {"load_before", host.load_before},
                     {"load_after", host.load_after},
                     {"spin_jitter", host.spin_jitter},
                     {"steal", host.steal}}}}));
}

void CampaignLog::note(const std::string& text) const {
    append(dumped({{"time", utc_now()}, {"note", text}}));
}

void CampaignLog::begin(const LoggedRun& entry) const {
    append(dumped({{"time", utc_now()},
                   {"begins", entry.run.run},
                   {"label", entry.label},
                   {"cell", entry.run.cell},
                   {"repetition", entry.run.repetition}}));
}

void CampaignLog::end(bool is_whole) const {
    append(dumped({{"time", utc_now()}, {"ended", is_whole ? "whole" : "stopped"}}));
}

std::optional<CampaignLog::Begun> CampaignLog::begun() const {
    std::optional<Begun> begun;
    each_line(path_, [&](const Json& json) {
        if (json.contains("begins"))
            begun = Begun{json.at("label"), json.at("time"), json.at("repetition")};
        else if (json.contains("run") || json.contains("ended"))
            begun.reset();
    });
    return begun;
}

bool CampaignLog::is_whole() const {
    bool is_whole = false;
    each_line(path_, [&](const Json& json) {
        if (!json.contains("note")) is_whole = json.value("ended", "") == "whole";
    });
    return is_whole;
}

std::vector<LoggedRun> CampaignLog::runs() const {
    std::map<std::uint32_t, LoggedRun> by_number;
    each_line(path_, [&](const Json& json) {
        if (!json.contains("run")) return;
        LoggedRun entry = logged(json);
        by_number.insert_or_assign(entry.run.run, std::move(entry));
    });
    std::vector<LoggedRun> runs;
    for (auto& [number, entry] : by_number) runs.push_back(std::move(entry));
    return runs;
}

}  // namespace ring3::experiment
