// SPDX-License-Identifier: MIT
#include "cli/progress.hpp"

#include <cstdio>
#include <sstream>

#include <unistd.h>

#include <fmt/format.h>

#include "cli/verb.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr const char* clear_line = "\r\x1b[K";

double seconds(steady_clock::duration time) { return std::chrono::duration<double>(time).count(); }

std::string readable(double time_s) {
    return time_s < 120 ? fmt::format("{:.0f} s", time_s) : fmt::format("{:.0f} min", time_s / 60);
}

}  // namespace

CampaignProgress::CampaignProgress()
    : is_terminal_(isatty(STDERR_FILENO) != 0), started_(steady_clock::now()) {}

void CampaignProgress::note(const std::string& text) {
    end();
    print_note(text);
}

void CampaignProgress::turn_begins(std::size_t turn, std::size_t turns,
                                   const experiment::Turn& next) {
    turn_ = turn;
    turns_ = turns;
    label_ = fmt::format("{}, repetition {}", next.cell->label(), next.repetition);
    doing_ = "starts";
    turn_started_ = steady_clock::now();
    draw();
}

void CampaignProgress::line(const experiment::Line& line) {
    std::istringstream words(line.text);
    std::string what, workload, program;
    words >> what >> workload >> program;
    if (what == "start") doing_ = program;
    if (steady_clock::now() - drawn_ > 200ms) draw();
}

void CampaignProgress::draw() {
    if (!is_terminal_) return;
    drawn_ = steady_clock::now();
    std::string left;
    if (turns_run_ > 0) {
        const double each = seconds(turn_started_ - started_) / static_cast<double>(turns_run_);
        left = fmt::format(", about {} left",
                           readable(each * static_cast<double>(turns_ - turn_ + 1)));
    }
    std::string text = fmt::format("[{}/{}] {}: {} ({}{})", turn_, turns_, label_, doing_,
                                   readable(seconds(drawn_ - turn_started_)), left);
    constexpr std::size_t widest = 100;
    text.resize(std::min(text.size(), widest));
    fmt::print(stderr, "{}{}", clear_line, text);
    std::fflush(stderr);
}

void CampaignProgress::turn_ends(const experiment::LoggedRun& run) {
    ++turns_run_;
    const auto status = static_cast<std::size_t>(run.run.status);
    const bool is_ok = run.run.status == record::Status::ok;
    if (is_ok && is_terminal_) return;
    end();
    std::string text =
        fmt::format("[{}/{}] {}: {}", turn_, turns_, label_, record::status_names.at(status));
    if (const std::string_view reason = run.run.reason.view(); !reason.empty())
        text += fmt::format(": {}", reason);
    print_note(fmt::format("{} ({})", text, readable(static_cast<double>(run.host.wall_ns) / 1e9)));
}

bool CampaignProgress::wants_stop() {
    if (is_terminal_ && turns_ > 0 && steady_clock::now() - drawn_ > 1s) draw();
    return StopSignals::received() != 0;
}

void CampaignProgress::end() {
    if (is_terminal_ && turns_ > 0) fmt::print(stderr, "{}", clear_line);
}

}  // namespace ring3
