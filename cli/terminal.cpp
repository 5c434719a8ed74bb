// SPDX-License-Identifier: MIT
#include "cli/terminal.hpp"

#include <cerrno>
#include <csignal>
#include <system_error>

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include "hv/base/check.hpp"
#include "hv/base/errors.hpp"
#include "hv/cpu/translate/host_fs.hpp"

namespace ring3 {
namespace {

// What a signal handler can reach is static, there is no other way.
volatile std::sig_atomic_t stop_signal = 0;
volatile std::sig_atomic_t stop_pipe = -1;
volatile std::sig_atomic_t raw_descriptor = -1;
termios saved_mode;

/// Async-signal-safe, as is tcsetattr (signal-safety(7)).
void restore_terminal() {
    const int descriptor = raw_descriptor;
    if (descriptor < 0) return;
    raw_descriptor = -1;
    tcsetattr(descriptor, TCSANOW, &saved_mode);
}

void on_stop_signal(int signal) {
    if (stop_signal != 0) {
        restore_terminal();
        _exit(128 + signal);
    }
    stop_signal = signal;
    const int error = errno;
    const char byte = 0;
    if (write(stop_pipe, &byte, 1) < 0) {
        // The pipe is full or gone: then whoever waits is awake.
    }
    errno = error;
}

/// What was there before: the default, or a sanitizer's report.
struct sigaction previous[NSIG];

/// The process is about to die: leave a usable terminal, then let it.
void on_fatal_signal(int signal) {
    restore_terminal();
    sigaction(signal, &previous[signal], nullptr);
    raise(signal);
}

/// A signal may come while the thread runs a guest's code.
template <void (*handler)(int)>
__attribute__((no_stack_protector)) void answer(int signal, siginfo_t*, void*) {
    const HostFs fs;
    handler(signal);
}

template <void (*handler)(int)>
void handle(int signal) {
    struct sigaction action {};
    // With SA_SIGINFO, so that an engine's handler sees that there is one to hand on to. Without
    // SA_RESTART: a write to a stuck terminal must give up.
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    action.sa_sigaction = answer<handler>;
    sigemptyset(&action.sa_mask);
    if (sigaction(signal, &action, &previous[signal]) != 0)
        throw std::system_error{errno, std::generic_category(), "cannot handle signals"};
}

constexpr int stop_signals[] = {SIGINT, SIGTERM, SIGHUP};
// SIGSEGV and its like are an engine's to handle; what it does not know it hands on to these.
constexpr int fatal_signals[] = {SIGABRT, SIGQUIT, SIGSEGV, SIGBUS, SIGILL, SIGFPE};

}  // namespace

StopSignals::StopSignals() {
    HV_CHECK(stop_pipe < 0, "signals are handled twice");
    if (pipe2(pipe_, O_CLOEXEC | O_NONBLOCK) != 0)
        throw std::system_error{errno, std::generic_category(), "cannot make a pipe"};
    stop_signal = 0;
    stop_pipe = pipe_[1];
    for (const int signal : stop_signals) handle<on_stop_signal>(signal);
    for (const int signal : fatal_signals) handle<on_fatal_signal>(signal);
    std::signal(SIGPIPE, SIG_IGN);
}

StopSignals::~StopSignals() {
    for (const int signal : stop_signals) sigaction(signal, &previous[signal], nullptr);
    // An engine may have put its own on top since; it will find ours gone and do without.
    for (const int signal : fatal_signals) sigaction(signal, &previous[signal], nullptr);
    std::signal(SIGPIPE, SIG_DFL);
    stop_pipe = -1;
    close(pipe_[0]);
    close(pipe_[1]);
}

int StopSignals::received() { return stop_signal; }

WindowChanges::WindowChanges() {
    struct sigaction action {};
    // Handled, so that it interrupts; without SA_RESTART, so that it does not go on.
    action.sa_handler = [](int) {};
    sigemptyset(&action.sa_mask);
    sigaction(SIGWINCH, &action, nullptr);
    sigset_t change;
    sigemptyset(&change);
    sigaddset(&change, SIGWINCH);
    pthread_sigmask(SIG_BLOCK, &change, &before_);
}

WindowChanges::~WindowChanges() {
    std::signal(SIGWINCH, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void WindowChanges::wait(std::span<pollfd> descriptors, std::chrono::nanoseconds at_most) const {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at_most);
    const timespec timeout{seconds.count(), (at_most - seconds).count()};
    ::ppoll(descriptors.data(), descriptors.size(), &timeout, &before_);
}

RawTerminal::RawTerminal(int descriptor) {
    HV_CHECK(raw_descriptor < 0, "two terminals are raw");
    if (isatty(descriptor) == 0) return;
    if (tcgetattr(descriptor, &saved_mode) != 0)
        throw std::system_error{errno, std::generic_category(), "cannot read the terminal's mode"};
    termios raw = saved_mode;
    cfmakeraw(&raw);
    // Known to the handlers before the change: they may come in between.
    raw_descriptor = descriptor;
    raw_ = true;
    if (tcsetattr(descriptor, TCSADRAIN, &raw) != 0) {
        const int error = errno;
        restore();
        throw std::system_error{error, std::generic_category(), "cannot set the terminal's mode"};
    }
}

RawTerminal::~RawTerminal() { restore(); }

void RawTerminal::restore() {
    restore_terminal();
    raw_ = false;
}

}  // namespace ring3
