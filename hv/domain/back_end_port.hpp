// SPDX-License-Identifier: MIT
// A native back end's end of an event channel that a guest allocated for Domain-0. Bound while it
// exists; must not outlive the domain.
#pragma once

#include <functional>

#include "hv/domain/domain.hpp"

namespace ring3 {

class BackEndPort final {
public:
    /// `on_event` is called inside of the guest's hypercall: it only notes that there is work.
    BackEndPort(Domain& domain, EventPort port, std::function<void()> on_event)
        : domain_(domain),
          port_(port),
          bound_(domain.events().bind_back_end(port, std::move(on_event))) {}
    ~BackEndPort() {
        if (bound_) domain_.events().unbind_back_end(port_);
    }
    BackEndPort(const BackEndPort&) = delete;
    BackEndPort& operator=(const BackEndPort&) = delete;

    /// False: the guest had not allocated this port for Domain-0, or another back end has it.
    bool is_bound() const { return bound_; }
    EventPort port() const { return port_; }
    /// Raises the guest's event; nothing happens once the guest has closed the port.
    void notify() { domain_.events().raise_from_back_end(port_); }

private:
    Domain& domain_;
    const EventPort port_;
    const bool bound_;
};

}  // namespace ring3
