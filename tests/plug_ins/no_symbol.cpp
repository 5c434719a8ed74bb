// SPDX-License-Identifier: MIT
// A shared object that exports no scheduler.
extern "C" int ring3_schedule() { return 0; }
