// SPDX-License-Identifier: MIT
// Which revision of Xen's public interface the headers behind hv/abi show: that of Xen 4.17.
// Included first by each header of this folder; a public header seen before it would show another.
#pragma once

#include <cstddef>
#include <cstdint>

#ifdef __XEN_PUBLIC_XEN_H__
#error "Xen's public headers are included through hv/abi only"
#endif

#undef __XEN_INTERFACE_VERSION__
#define __XEN_INTERFACE_VERSION__ 0x00040e00
