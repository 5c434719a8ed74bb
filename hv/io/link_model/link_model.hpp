// SPDX-License-Identifier: MIT
// A link model says when a frame that enters one direction of a link comes out of it, or that it
// never does. The link does the keeping and delivering; each direction of each link has a model of
// its own. Chosen by name, each in one file of this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "hv/base/params.hpp"
#include "hv/base/random.hpp"
#include "hv/base/units.hpp"

namespace ring3 {

class LinkModel {
public:
    static constexpr const char* kind = "link";
    /// `stream` tells apart the links that share one seed.
    using Factory = std::unique_ptr<LinkModel> (*)(Params&, std::uint64_t stream);

    virtual ~LinkModel() = default;

    /// Frames pass at once and none is lost: there need be no link at all.
    virtual bool is_ideal() const { return false; }
    /// A frame of so many bytes enters. When it is out at the other end, never before one that
    /// entered earlier; nothing: it is lost.
    virtual std::optional<Time> arrival(Time now, std::size_t bytes) = 0;
};

}  // namespace ring3
