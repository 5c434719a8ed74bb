// SPDX-License-Identifier: MIT
#include "tests/support/guest_console.hpp"

#include <stdexcept>
#include <utility>

#include <poll.h>

#include <fmt/format.h>

#include "hv/control/protocol.hpp"
#include "tests/support/program.hpp"

namespace ring3::test {
namespace {

using Clock = std::chrono::steady_clock;

Client connect(const std::string& machine) {
    own_runtime_folder();
    return Client::connect(Endpoint(machine));
}

}  // namespace

GuestConsole::GuestConsole(const std::string& domain, const std::string& machine)
    : client_(connect(machine)) {
    client_.request("console", {{"domain", domain}});
}

void GuestConsole::type(const std::string& text) { client_.send({{"input", text_of_bytes(text)}}); }

bool GuestConsole::read_more(Clock::time_point deadline, const std::string& for_what) {
    if (has_ended_) return false;
    auto document = client_.receive_if_there();
    while (!document) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        pollfd there{client_.descriptor(), POLLIN, 0};
        if (left.count() <= 0 || ::poll(&there, 1, static_cast<int>(left.count())) == 0)
            throw std::runtime_error(
                fmt::format("the guest does not come to {}; it shows:\n{}", for_what, shown_));
        document = client_.receive_if_there();
    }
    if (const auto output = document->find("output"); output != document->end())
        shown_ += bytes_of_text(output->get<std::string>());
    has_ended_ = document->contains("end");
    return !has_ended_;
}

std::string GuestConsole::read_until(const std::string& text, Seconds at_most) {
    const auto deadline = Clock::now() + at_most;
    std::size_t found;
    while ((found = shown_.find(text)) == shown_.npos)
        if (!read_more(deadline, fmt::format("\"{}\"", text)))
            throw std::runtime_error(fmt::format("the guest ended; it showed:\n{}", shown_));
    std::string before = shown_.substr(0, found);
    shown_.erase(0, found + text.size());
    return before;
}

void GuestConsole::log_in() {
    read_until("login: ");
    type("root\n");
    read_until("# ");
    // Without an editor of lines, which would show them again.
    type("exec sh\n");
    read_until("# ");
    type("PS1= PS2=; stty -echo; dmesg -n 1; echo in''side\n");
    read_until("inside\r\n");
}

GuestConsole::Answer GuestConsole::run(const std::string& command, Seconds at_most) {
    type(fmt::format("{{ {}; }} 2>&1; echo \"<end $?>\"\n", command));
    Answer answer;
    answer.output = read_until("<end ", at_most);
    std::erase(answer.output, '\r');
    answer.code = std::stoi(read_until(">\r\n", at_most));
    return answer;
}

std::string GuestConsole::output_of(const std::string& command, Seconds at_most) {
    Answer answer = run(command, at_most);
    if (answer.code != 0)
        throw std::runtime_error(
            fmt::format("{}: exit code {}\n{}", command, answer.code, answer.output));
    if (answer.output.ends_with('\n')) answer.output.pop_back();
    return std::move(answer.output);
}

std::string GuestConsole::read_to_end(Seconds at_most) {
    const auto deadline = Clock::now() + at_most;
    while (read_more(deadline, "its end")) continue;
    return std::exchange(shown_, {});
}

}  // namespace ring3::test
