// SPDX-License-Identifier: MIT
#include "cli/console_client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

#include <poll.h>
#include <unistd.h>

#include <fmt/format.h>

#include "cli/foreground.hpp"
#include "cli/terminal.hpp"
#include "cli/verb.hpp"

namespace ring3 {
namespace {

class Attachment {
public:
    explicit Attachment(Client& client) : client_(client), terminal_(STDIN_FILENO) {}

    int run() {
        while (true) {
            if (const int signal = StopSignals::received(); signal != 0) return 128 + signal;
            while (const auto document = client_.receive_if_there())
                if (!show(*document)) return code_;
            pollfd sources[] = {{signals_.descriptor(), POLLIN, 0},
                                {client_.descriptor(), POLLIN, 0},
                                {input_ended_ ? -1 : STDIN_FILENO, POLLIN, 0}};
            if (::poll(sources, 3, -1) < 0) continue;
            if (sources[2].revents != 0 && !pass_input()) return to_int(ExitCode::ok);
        }
    }

private:
    /// False: that was the end.
    bool show(const Json& document) {
        if (const auto output = document.find("output"); output != document.end()) {
            write_all(bytes_of_text(output->get<std::string>()));
        } else if (const auto lost = document.find("lost"); lost != document.end()) {
            print_warning(fmt::format("{} bytes of the console are lost{}", lost->get<int>(),
                                      terminal_.is_raw() ? "\r" : ""));
        } else if (const auto end = document.find("end"); end != document.end()) {
            const std::string reason = end->value("reason", "");
            const bool crashed = reason == "crash" || reason == "watchdog";
            terminal_.restore();
            if (crashed) print_error("the domain has crashed; `ring3 dmesg` tells how");
            code_ = to_int(crashed ? ExitCode::crash : ExitCode::ok);
            return false;
        }
        return true;
    }

    void write_all(const std::string& bytes) {
        std::size_t written = 0;
        while (written < bytes.size() && StopSignals::received() == 0) {
            const ssize_t count =
                ::write(STDOUT_FILENO, bytes.data() + written, bytes.size() - written);
            if (count >= 0) {
                written += static_cast<std::size_t>(count);
            } else if (errno == EAGAIN) {
                pollfd room{STDOUT_FILENO, POLLOUT, 0};
                ::poll(&room, 1, -1);
            } else if (errno != EINTR) {
                throw std::system_error{errno, std::generic_category(),
                                        "cannot write to standard output"};
            }
        }
    }

    /// False: the user leaves.
    bool pass_input() {
        std::array<char, 4096> bytes;
        const ssize_t count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) return true;
        if (count <= 0) {
            input_ended_ = true;
            return true;
        }
        const auto end = bytes.begin() + count;
        constexpr auto leave_key = static_cast<char>(Foreground::leave_key);
        const auto key = terminal_.is_raw() ? std::find(bytes.begin(), end, leave_key) : end;
        const std::string_view typed(bytes.data(), static_cast<std::size_t>(key - bytes.begin()));
        if (!typed.empty()) client_.send({{"input", text_of_bytes(typed)}});
        return key == end;
    }

    Client& client_;
    StopSignals signals_;
    RawTerminal terminal_;
    bool input_ended_ = false;
    int code_ = 0;
};

}  // namespace

int attach_console(Client& client) { return Attachment(client).run(); }

}  // namespace ring3
