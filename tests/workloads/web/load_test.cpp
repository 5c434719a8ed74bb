// SPDX-License-Identifier: MIT
// The load of the workload web, against servers whose behaviour is known.
#include <atomic>
#include <charconv>
#include <map>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "workloads/catalogue/workload.hpp"
#include "workloads/images/process.hpp"

namespace ring3 {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

enum class Manner { right, wrong_bytes, slow };

/// Answers requests for static files and dynamic pages as the real servers do, or not quite.
class Server final {
public:
    explicit Server(Manner manner) : manner_{manner} {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);  // as the calls want it
        if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 64) != 0 ||
            ::getsockname(listener_, generic, &size) != 0)
            throw std::runtime_error{"no server"};
        port_ = ntohs(address.sin_port);
        thread_ = std::thread{[this] { accept_all(); }};
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server() {
        is_over_ = true;
        thread_.join();
        for (std::thread& each : lines_) each.join();
        ::close(listener_);
    }
    std::string port() const { return std::to_string(port_); }

private:
    bool is_readable(int file) const {
        pollfd wanted{.fd = file, .events = POLLIN, .revents = 0};
        return ::poll(&wanted, 1, 10) == 1;
    }
    void accept_all() {
        while (!is_over_) {
            if (!is_readable(listener_)) continue;
            const int line = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            lines_.emplace_back([this, line] {
                serve(line);
                ::close(line);
            });
        }
    }
    void serve(int line) const {
        char text[1024];
        while (!is_over_) {
            if (!is_readable(line)) continue;
            const ssize_t got = ::recv(line, text, sizeof text, 0);
            if (got <= 0 || !answer(line, {text, static_cast<std::size_t>(got)})) return;
        }
    }

    static std::string content(int directory, int size_class, int file) {
        std::size_t size = 1024;
        for (int i = 0; i < size_class; ++i) size *= 10;
        std::string text(size * static_cast<std::size_t>(file + 1) / 10, ' ');
        const auto shift = static_cast<std::size_t>(directory * 36 + size_class * 9 + file) % 95;
        for (std::size_t i = 0; i < text.size(); ++i)
            text[i] = static_cast<char>(32 + (i + shift) % 95);
        return text;
    }
    static std::string page(const std::string& path) {
        std::istringstream words{path};
        std::vector<std::string> parts;
        for (std::string part; std::getline(words, part, '/');) parts.push_back(part);
        const std::size_t first = parts.at(1).find_first_of("0123456789") == 0 ? 1 : 2;
        std::string prefix;
        if (first == 2) {
            const int user = std::stoi(parts.at(5));
            prefix = fmt::format("{} {} ", parts[1], user);
            prefix += parts[1] == "custom"
                          ? fmt::format("ad {:03} of the table", (user * 31 + 7) % 360)
                          : "-";
            prefix.resize(64, ' ');
        }
        return prefix + content(std::stoi(parts.at(first)), std::stoi(parts.at(first + 1)),
                                std::stoi(parts.at(first + 2)));
    }
    bool answer(int line, const std::string& request) const {
        const bool posts = request.starts_with("POST");
        const std::size_t at = posts ? request.find("\r\n\r\n") + 4 : request.find(' ') + 1;
        std::string body = page(request.substr(at, request.find_first_of(" \r", at) - at));
        if (manner_ == Manner::wrong_bytes) body.back() = '\n';
        const std::string text =
            fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body);
        const bool stays = request.find("keep-alive") != request.npos;
        for (std::size_t sent = 0; sent < text.size();) {
            if (is_over_) return false;
            // A slow one gives each connection 80 kbit/s, a quarter of what it would have to.
            const std::size_t most = manner_ == Manner::slow ? 200 : text.size();
            if (manner_ == Manner::slow) std::this_thread::sleep_for(20ms);
            const ssize_t done =
                ::send(line, &text[sent], std::min(most, text.size() - sent), MSG_NOSIGNAL);
            if (done <= 0) return false;
            sent += static_cast<std::size_t>(done);
        }
        return stays;
    }

    Manner manner_;
    int listener_ = -1;
    int port_ = 0;
    std::atomic<bool> is_over_ = false;
    std::vector<std::thread> lines_;
    std::thread thread_;
};

class WebLoad : public testing::Test {
protected:
    static void SetUpTestSuite() {
        char name[] = "/tmp/ring3-web-XXXXXX";
        if (::mkdtemp(name) == nullptr) throw std::runtime_error{"mkdtemp"};
        scratch_ = name;
        output_of(
            {"c++", "-x", "c", "-O1", "-o", scratch_ / "load", workloads_folder() / "web/load.c"},
            "/");
    }
    static void TearDownTestSuite() { fs::remove_all(scratch_); }

    static std::string load(std::vector<std::string> words) {
        words.insert(words.begin(), scratch_ / "load");
        return output_of(words, "/");
    }

    static fs::path scratch_;
};

fs::path WebLoad::scratch_;

TEST_F(WebLoad, asks_in_the_mix_of_its_model) {
    std::map<std::string, int> kinds;
    int classes[4] = {};
    std::istringstream lines{load({"plan", "100000", "8"})};
    std::string kind;
    for (int directory, size_class, file, user;
         lines >> kind >> directory >> size_class >> file >> user;) {
        ++kinds[kind];
        ++classes[size_class];
        ASSERT_LT(directory, 8);
        ASSERT_LT(file, 9);
    }
    // Of 100,000; a deviation of five standard ones would be some 800 in the middle.
    EXPECT_NEAR(classes[0], 35000, 800);
    EXPECT_NEAR(classes[1], 50000, 800);
    EXPECT_NEAR(classes[2], 14000, 600);
    EXPECT_NEAR(classes[3], 1000, 160);
    EXPECT_NEAR(kinds["static"], 70000, 800);
    EXPECT_NEAR(kinds["post"], 4800, 350);
    EXPECT_NEAR(kinds["cgi"], 150, 60);
}

TEST_F(WebLoad, does_a_fixed_number_of_requests_the_same_each_time) {
    Server server{Manner::right};
    const std::string one = load({"closed", "127.0.0.1", server.port(), "3", "200", "2"});
    EXPECT_EQ(load({"closed", "127.0.0.1", server.port(), "3", "200", "2"}), one);
    EXPECT_THAT(one, HasSubstr("wrong 0\n"));
    std::istringstream lines{one};
    std::string name;
    int all = 0;
    for (int count; lines >> name >> count && name != "bytes";)
        if (!name.starts_with("class")) all += count;
    EXPECT_EQ(all, 200);
}

TEST_F(WebLoad, finds_a_wrong_byte) {
    Server server{Manner::wrong_bytes};
    EXPECT_THROW(load({"closed", "127.0.0.1", server.port(), "1", "5", "2"}), CommandError);
}

TEST_F(WebLoad, finds_few_conforming_clients_where_the_server_is_slow) {
    Server slow{Manner::slow};
    EXPECT_EQ(load({"open", "127.0.0.1", slow.port(), "4", "8", "1", "2"}),
              "conforming connections 0\n");
    Server right{Manner::right};
    EXPECT_NE(load({"open", "127.0.0.1", right.port(), "4", "4", "1", "2"}),
              "conforming connections 0\n");
}

}  // namespace
}  // namespace ring3
