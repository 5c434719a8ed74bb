// SPDX-License-Identifier: MIT
#include "hv/domain/granted_page.hpp"

#include "hv/base/check.hpp"
#include "hv/domain/domain.hpp"

namespace ring3 {

namespace {

GrantAccess access_for(GrantedPage::Use use) {
    return use == GrantedPage::Use::write ? GrantAccess::write : GrantAccess::read;
}

}  // namespace

std::optional<GrantedPage> GrantedPage::map(Domain& granter, grant_ref_t ref, Use use) {
    const GrantTable::Claim claim =
        granter.grants().acquire(ref, domain0, access_for(use), GrantUse::host);
    if (claim.status != GNTST_okay) return std::nullopt;
    return GrantedPage{granter, ref, use, claim.mfn};
}

GrantedPage::GrantedPage(GrantedPage&& other) noexcept
    : granter_(std::exchange(other.granter_, nullptr)),
      ref_(other.ref_),
      use_(other.use_),
      mfn_(other.mfn_) {}

GrantedPage& GrantedPage::operator=(GrantedPage&& other) noexcept {
    if (this == &other) return *this;
    unmap();
    granter_ = std::exchange(other.granter_, nullptr);
    ref_ = other.ref_;
    use_ = other.use_;
    mfn_ = other.mfn_;
    return *this;
}

void GrantedPage::unmap() {
    if (granter_ == nullptr) return;
    granter_->grants().release(ref_, domain0, mfn_, access_for(use_), GrantUse::host);
    granter_ = nullptr;
}

std::span<const std::byte> GrantedPage::bytes() const {
    return {granter_->frames().at(mfn_).host, page_size};
}

void GrantedPage::write(std::uint64_t offset, std::span<const std::byte> bytes) {
    HV_CHECK(is_writable(), "a store to a page granted for reading");
    granter_->frames().write(mfn_, offset, bytes);
}

std::span<std::byte> GrantedPage::room() {
    HV_CHECK(is_writable(), "a store to a page granted for reading");
    return {granter_->frames().at(mfn_).host, page_size};
}

void GrantedPage::filled(std::uint64_t offset, std::uint64_t length) {
    granter_->frames().written(granter_->frames().at(mfn_), offset, length);
}

}  // namespace ring3
