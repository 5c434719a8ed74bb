// SPDX-License-Identifier: MIT
#include "hv/io/block/overlay_disk.hpp"

#include <fmt/format.h>

#include "hv/abi/blkif.hpp"

namespace ring3 {
namespace {

using abi::sector_size;

/// Calls `done` when all parts of an operation are, with the first error.
class Join final {
public:
    explicit Join(Disk::Done done) : done_(std::move(done)) {}
    Disk::Done part() {
        ++open_;
        return [this](int error) { close(error); };
    }
    /// All parts have been started.
    void started() { close(0); }

private:
    void close(int error) {
        if (error_ == 0) error_ = error;
        if (--open_ != 0) return;
        const std::unique_ptr<Join> self(this);
        done_(error_);
    }

    Disk::Done done_;
    unsigned open_ = 1;
    int error_ = 0;
};

}  // namespace

OverlayDisk::OverlayDisk(ImageFile base, OverlayFile overlay, HostIo& io)
    : base_(std::move(base)),
      overlay_(std::move(overlay)),
      io_(io),
      map_(base_.bytes() / sector_size) {
    properties_.bytes = base_.bytes() / sector_size * sector_size;
    properties_.is_writable = true;
    properties_.physical_sector = 4096;
    properties_.discard_granularity = 4096;
    overlay_.load(map_);
}

OverlayDisk::~OverlayDisk() {
    io_.wait_for_all();
    if (!overlay_.is_kept()) return;
    // What the guest wrote and did not flush is kept as well, when it can be.
    flush([](int) {});
    io_.wait_for_all();
}

std::string OverlayDisk::description() const {
    return overlay_.is_kept() ? fmt::format("overlay:{}:{}", base_.path(), overlay_.path())
                              : fmt::format("overlay:{}", base_.path());
}

void OverlayDisk::read(std::uint64_t offset, Pieces pieces, Done done) {
    Join* const join = new Join(std::move(done));
    const std::uint64_t length = length_of(pieces);
    for (std::uint64_t at = 0; at < length;) {
        const SectorMap::Run run =
            map_.run_at((offset + at) / sector_size, (length - at) / sector_size);
        const std::uint64_t bytes = run.sectors * sector_size;
        FileOperation operation{FileOperation::Kind::read, base_.descriptor(), offset + at,
                                part_of(pieces, at, bytes), 0};
        if (run.is_set) {
            operation.file = overlay_.descriptor();
            operation.offset = place(offset + at);
        }
        io_.submit(std::move(operation), join->part());
        at += bytes;
    }
    join->started();
}

void OverlayDisk::write(std::uint64_t offset, Pieces pieces, Done done) {
    const std::uint64_t sectors = length_of(pieces) / sector_size;
    io_.submit(
        {FileOperation::Kind::write, overlay_.descriptor(), place(offset), std::move(pieces), 0},
        [this, offset, sectors, told = std::move(done)](int error) {
            if (error == 0) map_.set(offset / sector_size, sectors);
            told(error);
        });
}

/// A sector of the base stays as it is: a discard promises nothing about what is read afterwards.
void OverlayDisk::discard(std::uint64_t offset, std::uint64_t length, Done done) {
    Join* const join = new Join(std::move(done));
    for (std::uint64_t at = 0; at < length;) {
        const SectorMap::Run run =
            map_.run_at((offset + at) / sector_size, (length - at) / sector_size);
        const std::uint64_t bytes = run.sectors * sector_size;
        if (run.is_set)
            io_.submit({FileOperation::Kind::punch_hole,
                        overlay_.descriptor(),
                        place(offset + at),
                        {},
                        bytes},
                       join->part());
        at += bytes;
    }
    join->started();
}

void OverlayDisk::flush(Done done) {
    if (!overlay_.is_kept()) return done(0);  // it ends with the process
    to_flush_.push_back(std::move(done));
    if (flushing_.empty()) start_flush();
}

/// One at a time, for all who have asked meanwhile: the data, then the map, then both are safe.
void OverlayDisk::start_flush() {
    flushing_ = std::exchange(to_flush_, {});
    auto pages = std::make_shared<std::vector<MapPage>>();
    for (const std::uint64_t number : map_.take_changed()) {
        const auto page = map_.page(number);
        pages->emplace_back(number, std::vector<std::byte>(page.begin(), page.end()));
    }
    io_.submit({FileOperation::Kind::flush, overlay_.descriptor(), 0, {}, 0},
               [this, pages](int error) {
                   error == 0 && !pages->empty() ? write_map(pages) : end_flush(error, *pages);
               });
}

void OverlayDisk::write_map(std::shared_ptr<std::vector<MapPage>> pages) {
    Join* const join = new Join([this, pages](int error) {
        if (error != 0) return end_flush(error, *pages);
        io_.submit({FileOperation::Kind::flush, overlay_.descriptor(), 0, {}, 0},
                   [this, pages](int late) { end_flush(late, *pages); });
    });
    for (MapPage& page : *pages)
        io_.submit({FileOperation::Kind::write,
                    overlay_.descriptor(),
                    OverlayFile::map_offset + page.first * SectorMap::page_bytes,
                    {{page.second.data(), page.second.size()}},
                    0},
                   join->part());
    join->started();
}

void OverlayDisk::end_flush(int error, const std::vector<MapPage>& pages) {
    // What did not get there must get there the next time.
    if (error != 0)
        for (const MapPage& page : pages) map_.mark_changed(page.first);
    const std::vector<Done> told = std::exchange(flushing_, {});
    for (const Done& done : told) done(error);
    if (flushing_.empty() && !to_flush_.empty()) start_flush();
}

}  // namespace ring3
