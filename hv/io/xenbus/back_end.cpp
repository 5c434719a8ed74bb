// SPDX-License-Identifier: MIT
#include "hv/io/xenbus/back_end.hpp"

#include <charconv>

#include <fmt/format.h>

#include "hv/base/check.hpp"

namespace ring3::xenbus {
namespace {

using store::Error;
using store::Rights;

std::optional<std::uint64_t> parse_number(const std::string& text) {
    std::uint64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return number;
}

}  // namespace

BackEnd::BackEnd(const Place& place, std::string kind, std::uint32_t number)
    : place_(place), kind_(std::move(kind)), number_(number) {}

BackEnd::~BackEnd() {
    watch_.reset();
    place_.store.remove(domain0, 0, front_path());
    place_.store.remove(domain0, 0, back_path());
    // The last device of its kind takes the guest's node with it.
    const std::string parent = back_path().substr(0, back_path().rfind('/'));
    std::vector<std::string> others;
    std::uint64_t generation = 0;
    const Error error = place_.store.directory(domain0, 0, parent, others, generation);
    if (error == Error::none && others.empty()) place_.store.remove(domain0, 0, parent);
}

std::string BackEnd::name() const {
    return fmt::format("d{} {}-{}", guest().id().raw, kind_, number_);
}

std::string BackEnd::front_path() const {
    return fmt::format("{}/device/{}/{}", store::Store::home_of(guest().id()), kind_, number_);
}

std::string BackEnd::back_path() const {
    return fmt::format("{}/backend/{}/{}/{}", store::Store::home_of(domain0), kind_,
                       guest().id().raw, number_);
}

void BackEnd::open() {
    const std::string front = front_path(), back = back_path();
    write(back, "", false);
    write(front, "", true);
    const auto state = std::to_string(static_cast<int>(XenbusStateInitialising));
    write(back + "/frontend", front, false);
    write(back + "/frontend-id", std::to_string(guest().id().raw), false);
    write(back + "/online", "1", false);
    write(back + "/state", state, false);
    for (const auto& [name, value] : back_nodes()) write(back + "/" + name, value, false);
    write(front + "/backend", back, true);
    write(front + "/backend-id", std::to_string(domain0.raw), true);
    for (const auto& [name, value] : front_nodes()) write(front + "/" + name, value, true);
    // The guest's driver looks at a device that has a state.
    write(front + "/state", state, true);
    set_state(XenbusStateInitWait);
    watch_.emplace(place_.store, front + "/state", [this](const std::string&) { front_changed(); });
}

void BackEnd::close() {
    unplugging_ = true;
    write_back("online", "0");
    // Where nobody is connected, nobody has to let go.
    connected_ ? set_state(XenbusStateClosing) : closed();
}

void BackEnd::front_changed() {
    const auto front = read_front_number("state").value_or(XenbusStateUnknown);
    switch (front) {
        case XenbusStateInitialising:
            // A driver that was unloaded, or a kernel that was replaced, begins anew.
            if (state_ == XenbusStateClosed && !unplugging_) set_state(XenbusStateInitWait);
            break;
        case XenbusStateInitialised:
        case XenbusStateConnected:
            if (connected_ || unplugging_ || state_ != XenbusStateInitWait) break;
            connected_ = true;
            if (const auto wrong = connect()) return fail(*wrong);
            set_state(XenbusStateConnected);
            break;
        case XenbusStateClosing:
            let_go();
            set_state(XenbusStateClosing);
            break;
        case XenbusStateClosed:
        case XenbusStateUnknown:
            let_go();
            closed();
            break;
        default:
            break;
    }
}

void BackEnd::closed() {
    set_state(XenbusStateClosed);
    if (!unplugging_ || !on_closed) return;
    // It may destroy this object, and with it itself.
    const std::function<void()> tell = on_closed;
    tell();
}

void BackEnd::let_go() {
    connected_ = false;
    disconnect();
}

void BackEnd::fail(const std::string& why) {
    guest().hypervisor().log(LogLevel::warning, fmt::format("{}: {}", name(), why));
    place_.store.write(domain0, 0, back_path() + "/error", why);
    let_go();
    set_state(XenbusStateClosing);
}

void BackEnd::set_state(XenbusState state) {
    if (state == state_) return;
    state_ = state;
    write_back("state", std::to_string(static_cast<int>(state)));
}

std::optional<std::string> BackEnd::read_front(std::string_view name) const {
    std::string value;
    const Error error =
        place_.store.read(domain0, 0, fmt::format("{}/{}", front_path(), name), value);
    return error == Error::none ? std::optional{value} : std::nullopt;
}

std::optional<std::uint64_t> BackEnd::read_front_number(std::string_view name) const {
    const auto text = read_front(name);
    return text ? parse_number(*text) : std::nullopt;
}

void BackEnd::write_back(std::string_view name, std::string_view value) {
    write(fmt::format("{}/{}", back_path(), name), value, false);
}

/// The front end's nodes are the guest's own, which Domain-0 may use as well; the back end's are
/// Domain-0's, which the guest may read.
void BackEnd::write(const std::string& path, std::string_view value, bool is_guests) {
    const store::Permissions permissions =
        is_guests ? store::Permissions{{guest().id(), Rights::none}, {domain0, Rights::read}}
                  : store::Permissions{{domain0, Rights::none}, {guest().id(), Rights::read}};
    const Error written = place_.store.write(domain0, 0, path, value);
    const Error set = place_.store.set_permissions(domain0, 0, path, permissions);
    HV_CHECK(written == Error::none && set == Error::none, "domain 0 cannot write to the store");
}

}  // namespace ring3::xenbus
