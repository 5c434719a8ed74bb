// SPDX-License-Identifier: MIT
// A SCSI disk of 2003 with 10,000 revolutions a minute, as in the testbed of Barham et al., "Xen
// and the Art of Virtualization" (a Hitachi DK32EJ of 146 GB): arm, platters that turn with virtual
// time, zones, read-ahead, a write cache that such disks had switched off. One command at a time,
// in the order of their coming (no queueing inside of the disk).
//
// The seek curve is that of Lee and Katz, "An Analytic Performance Model of Disk Arrays" (1993):
// a + b*sqrt(d) + c*d through the times for one cylinder, for the average and for the full stroke.
// The defaults are of the class (what data sheets of such disks say, rounded), not measured on that
// disk: whoever has measurements sets the parameters.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <optional>

#include "hv/base/registry.hpp"
#include "hv/io/disk_model/disk_2003_geometry.hpp"
#include "hv/io/disk_model/disk_model.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;
using Place = Disk2003Geometry::Place;

constexpr std::uint64_t sector_bytes = 512;

std::uint64_t number(Params& params, std::string_view name, std::int64_t value, Params::Range range,
                     std::string_view meaning) {
    return static_cast<std::uint64_t>(params.integer(name, value, range, meaning));
}

class Disk2003 final : public DiskModel {
public:
    explicit Disk2003(Params& params)
        : Disk2003(params, number(params, "rpm", 10'000, {100, 100'000}, "revolutions a minute"),
                   params.duration("head_switch_us", 400us,
                                   "from a track to another one of the same cylinder", 0us, 1s),
                   params.duration("seek_track_us", 600us, "seek to the next cylinder", 0us, 1s)) {}

    Time completes_at(Time now, const DiskAccess& access) override {
        const Time told = now + overhead_;
        if (access.kind == DiskAccess::Kind::flush) return std::max(told, free_at_);
        // There was no discard in 2003: the disk has nothing to do.
        if (access.kind == DiskAccess::Kind::discard || access.length == 0) return told;
        const std::uint64_t first = access.offset / sector_bytes % geometry_.sectors();
        const std::uint64_t count = std::min(access.length / sector_bytes, geometry_.sectors());
        return access.kind == DiskAccess::Kind::read ? read(told, first, count)
                                                     : write(told, first, count);
    }

private:
    /// What the disk reads on its own behind the last read: sector `next` passes the head at
    /// `when`, and so on up to `limit`, where the buffer is full.
    struct Stream {
        std::uint64_t next;
        Time when;
        std::uint64_t limit;
    };
    struct Cached {
        Time written;
        std::uint64_t sectors;
    };

    Disk2003(Params& params, std::uint64_t rpm, Duration head_switch, Duration seek_track)
        : geometry_({
              .revolution = Duration{60'000'000'000 / static_cast<std::int64_t>(rpm)},
              .capacity_bytes = 1'000'000'000 * number(params, "capacity_gb", 146, {1, 100'000},
                                                       "of the disk; a larger image wraps around"),
              .heads = static_cast<std::uint32_t>(
                  number(params, "heads", 8, {1, 64}, "surfaces with data")),
              .outer_bytes_per_second =
                  1'000'000 * number(params, "outer_mb_per_s", 68, {1, 100'000},
                                     "media rate of the outermost zone"),
              .inner_bytes_per_second =
                  1'000'000 * number(params, "inner_mb_per_s", 38, {1, 100'000},
                                     "media rate of the innermost zone"),
              .head_skew = head_switch,
              .cylinder_skew = seek_track,
          }),
          head_switch_(head_switch),
          overhead_(params.duration("command_overhead_us", 200us,
                                    "from a command until the arm moves", 0us, 1s)),
          write_settle_(params.duration("write_settle_us", 600us,
                                        "how much longer the arm settles before it writes", 0us,
                                        1s)),
          bus_bytes_per_second_(1'000'000 * number(params, "bus_mb_per_s", 320, {1, 100'000},
                                                   "between the disk's buffer and the host")),
          read_ahead_(1024 / sector_bytes *
                      number(params, "read_ahead_kib", 512, {0, 1 << 20},
                             "what the disk reads on behind a read, while nobody asks otherwise")),
          has_write_cache_(params.boolean("write_cache", false,
                                          "a write is done when the buffer has it; a flush waits "
                                          "until the platters have it")),
          write_cache_(
              1024 / sector_bytes *
              number(params, "write_cache_kib", 4096, {1, 1 << 20}, "what the write cache holds")) {
        // Lee and Katz, section 3.1, in microseconds and cylinders.
        const auto microseconds = [](Duration duration) {
            return static_cast<double>(duration.count()) / 1000;
        };
        const double least = microseconds(seek_track);
        const double average = microseconds(
            params.duration("seek_average_us", 4'700us, "mean seek of random reads", 0us, 10s));
        const double most = microseconds(
            params.duration("seek_full_us", 10'000us, "seek across all cylinders", 0us, 10s));
        const auto cylinders = static_cast<double>(geometry_.cylinders());
        seek_least_ = least;
        seek_root_ = (-10 * least + 15 * average - 5 * most) / (3 * std::sqrt(cylinders));
        seek_linear_ = (7 * least - 15 * average + 8 * most) / (3 * cylinders);
    }

    Time read(Time told, std::uint64_t first, std::uint64_t count) {
        const Time sent = told + bus(count);
        if (stream_ && stream_->next == first && first + count <= geometry_.sectors())
            return std::max(sent, go_on_reading(told, count));
        const Time start = std::max(told, free_at_);
        const Time read = pass(first, count, arrive(start, place_at(first), Duration::zero()));
        free_at_ = read;
        const std::uint64_t end = first + count;
        stream_.reset();
        if (end < geometry_.sectors()) stream_ = Stream{end, read, end + read_ahead_};
        return std::max(read, sent);
    }

    /// The next `count` sectors of the stream; when the last of them is in the buffer.
    Time go_on_reading(Time told, std::uint64_t count) {
        const std::uint64_t end = stream_->next + count;
        const std::uint64_t until_full =
            std::min(stream_->limit, geometry_.sectors()) - stream_->next;
        const Time full = pass(stream_->next, until_full, stream_->when);
        Time in_buffer;
        if (count <= until_full && told <= full) {
            // The disk is still reading, or has just read this.
            in_buffer = pass(stream_->next, count, stream_->when);
            stream_ = Stream{end, in_buffer, end + read_ahead_};
        } else if (count <= until_full) {
            // The buffer was full and the disk had stopped; now there is room, and it goes on.
            in_buffer = told;
            const std::uint64_t limit = stream_->limit;
            const std::uint64_t resumed = limit < geometry_.sectors() ? limit : end;
            const Time at = told + geometry_.until(place_at(resumed % geometry_.sectors()), told);
            // As if it had read without a stop to get there at that moment.
            const Duration before = full - pass(stream_->next, count, stream_->when);
            stream_ = Stream{end, at - before, end + read_ahead_};
        } else {
            const Time start = std::max(told, full);
            const std::uint64_t rest = stream_->next + until_full;
            in_buffer = pass(rest, end - rest, start + geometry_.until(place_at(rest), start));
            stream_ = Stream{end, in_buffer, end + read_ahead_};
        }
        if (end >= geometry_.sectors()) stream_.reset();
        free_at_ = std::max(free_at_, in_buffer);
        return in_buffer;
    }

    Time write(Time told, std::uint64_t first, std::uint64_t count) {
        stream_.reset();
        const Time received = told + bus(count);
        const Time start = std::max(has_write_cache_ ? received : told, free_at_);
        const Time written =
            std::max(received, pass(first, count, arrive(start, place_at(first), write_settle_)));
        free_at_ = written;
        if (!has_write_cache_) return written;
        while (!cached_.empty() && cached_.front().written <= told) drop_oldest();
        Time room = received;
        while (!cached_.empty() && cached_sectors_ + count > write_cache_) {
            room = std::max(room, cached_.front().written);
            drop_oldest();
        }
        cached_.push_back({written, count});
        cached_sectors_ += count;
        return room;
    }

    void drop_oldest() {
        cached_sectors_ -= cached_.front().sectors;
        cached_.pop_front();
    }

    Place place_at(std::uint64_t sector) const {
        return geometry_.place_of(sector % geometry_.sectors());
    }

    /// The arm goes there, and the sector comes.
    Time arrive(Time start, const Place& place, Duration settle) {
        Duration moving = Duration::zero();
        if (place.cylinder != cylinder_)
            moving = settle + seek(place.cylinder > cylinder_ ? place.cylinder - cylinder_
                                                              : cylinder_ - place.cylinder);
        else if (place.head != head_)
            moving = head_switch_;
        const Time there = start + moving;
        return there + geometry_.until(place, there);
    }

    /// `count` sectors from `first` on pass the heads, the first at `when`; moves the arm along.
    Time pass(std::uint64_t first, std::uint64_t count, Time when) {
        Place place = place_at(first);
        while (count != 0) {
            const std::uint64_t here =
                std::min<std::uint64_t>(count, place.sectors_per_track - place.sector);
            when += geometry_.passing(place, here);
            cylinder_ = place.cylinder;
            head_ = place.head;
            count -= here;
            first += here;
            if (count == 0) break;
            place = place_at(first);
            when = arrive(when, place, Duration::zero());
        }
        return when;
    }

    Duration seek(std::uint64_t distance) const {
        const auto further = static_cast<double>(distance - 1);
        const double time = seek_least_ + seek_root_ * std::sqrt(further) + seek_linear_ * further;
        return Duration{static_cast<std::int64_t>(std::max(time, 0.0) * 1000)};
    }

    /// A command is a few MiB at most: no overflow.
    Duration bus(std::uint64_t sectors) const {
        return Duration{static_cast<std::int64_t>(sectors * sector_bytes * 1'000'000'000 /
                                                  bus_bytes_per_second_)};
    }

    const Disk2003Geometry geometry_;
    const Duration head_switch_, overhead_, write_settle_;
    const std::uint64_t bus_bytes_per_second_;
    const std::uint64_t read_ahead_;
    const bool has_write_cache_;
    const std::uint64_t write_cache_;
    double seek_least_ = 0, seek_root_ = 0, seek_linear_ = 0;

    /// Where arm and heads are, and when the mechanism has done what it was told.
    std::uint64_t cylinder_ = 0;
    std::uint32_t head_ = 0;
    Time free_at_{};
    std::optional<Stream> stream_;
    std::deque<Cached> cached_;
    std::uint64_t cached_sectors_ = 0;
};

const Registered<DiskModel, Disk2003> entry{
    "disk-2003", "arm, turning platters, read-ahead: a 10,000 rpm SCSI disk"};

}  // namespace
}  // namespace ring3
