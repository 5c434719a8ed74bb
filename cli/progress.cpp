// SPDX-License-Identifier: MIT
#include "cli/progress.hpp"

#include <algorithm>
#include <cstdio>
#include <sstream>

#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "cli/duration.hpp"
#include "cli/verb.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr const char* clear_line = "\r\x1b[K";

double seconds(std::chrono::nanoseconds time) {
    return std::chrono::duration<double>(time).count();
}

/// What a line has room for, so that it can be taken away again.
std::size_t terminal_width() {
    winsize size{};
    const bool is_known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return is_known ? size.ws_col - std::size_t{1} : 79;
}

}  // namespace

CampaignProgress::CampaignProgress() : is_terminal_(isatty(STDERR_FILENO) != 0) {}

void CampaignProgress::note(const std::string& text) {
    end();
    print_note(text);
}

void CampaignProgress::turn_begins(const experiment::Position& position,
                                   const experiment::Turn& next) {
    position_ = position;
    label_ = fmt::format("{}, repetition {}", next.cell->label(), next.repetition);
    doing_ = "starts";
    is_virtual_ = next.cell->clock == "virtual";
    turn_started_ = counted_at_ = steady_clock::now();
    progress_ = counted_ = {};
    mips_ = 0;
    draw();
}

void CampaignProgress::progress(const experiment::Progress& progress) {
    progress_ = progress;
    const auto now = steady_clock::now();
    const double passed_s = seconds(now - counted_at_);
    if (passed_s < 1) return;
    mips_ = static_cast<double>(progress.instructions - counted_.instructions) / passed_s / 1e6;
    counted_ = progress;
    counted_at_ = now;
}

void CampaignProgress::line(const experiment::Line& line) {
    std::istringstream words(line.text);
    std::string what, workload, program;
    words >> what >> workload >> program;
    if (what == "start") doing_ = program;
    if (steady_clock::now() - drawn_ > 200ms) draw();
}

/// What matters most stands first: a narrow terminal cuts the rest.
std::string CampaignProgress::text() const {
    const double ran_s = seconds(drawn_ - turn_started_);
    std::string text =
        fmt::format("[{}/{}] {}", position_.turn, position_.turns, readable_duration(ran_s));
    if (is_virtual_ && progress_.time.count() > 0)
        text += fmt::format(", {:.1f} s virtual", seconds(progress_.time));
    if (mips_ > 0) text += fmt::format(", {:.0f} MIPS", mips_);
    if (position_.seconds_left >= 0)
        text += fmt::format(", about {} left",
                            readable_duration(std::max(0.0, position_.seconds_left - ran_s)));
    return text + fmt::format(": {}: {}", label_, doing_);
}

void CampaignProgress::draw() {
    if (!is_terminal_) return;
    drawn_ = steady_clock::now();
    fmt::print(stderr, "{}{}", clear_line, text().substr(0, terminal_width()));
    std::fflush(stderr);
}

void CampaignProgress::turn_ends(const experiment::LoggedRun& run) {
    const auto status = static_cast<std::size_t>(run.run.status);
    const bool is_ok = run.run.status == record::Status::ok;
    if (is_ok && is_terminal_) return;
    end();
    std::string text = fmt::format("[{}/{}] {}: {}", position_.turn, position_.turns, label_,
                                   record::status_names.at(status));
    if (const std::string_view reason = run.run.reason.view(); !reason.empty())
        text += fmt::format(": {}", reason);
    print_note(fmt::format("{} ({})", text,
                           readable_duration(static_cast<double>(run.host.wall_ns) / 1e9)));
}

bool CampaignProgress::wants_stop() {
    if (is_terminal_ && position_.turns > 0 && steady_clock::now() - drawn_ > 1s) draw();
    return StopSignals::received() != 0;
}

void CampaignProgress::end() {
    if (is_terminal_ && position_.turns > 0) fmt::print(stderr, "{}", clear_line);
}

}  // namespace ring3
