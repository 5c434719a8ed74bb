// SPDX-License-Identifier: MIT
#include "hv/io/driver_domain.hpp"

#include "hv/base/check.hpp"

namespace ring3 {

void DriverDomain::Task::schedule() {
    if (scheduled_) return;
    scheduled_ = true;
    domain_.tasks_.push_back(this);
    if (domain_.tasks_.size() == 1) domain_.work_came();
}

void DriverDomain::Task::cancel() {
    if (!scheduled_) return;
    scheduled_ = false;
    domain_.tasks_.remove(this);
}

void DriverDomain::run_next() {
    HV_CHECK(has_work(), "Domain-0 runs without work");
    Task& task = *tasks_.front();
    tasks_.pop_front();
    task.scheduled_ = false;
    // The task may schedule itself again, or go away with its device: nothing of it is used after.
    const auto action = task.action_;
    action();
}

}  // namespace ring3
