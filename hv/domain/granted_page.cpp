// SPDX-License-Identifier: MIT
#include "hv/domain/granted_page.hpp"

#include "hv/base/check.hpp"
#include "hv/domain/domain.hpp"

namespace ring3 {

std::optional<GrantedPage> GrantedPage::map(Domain& granter, grant_ref_t ref, Use use) {
    const std::optional<grant_entry_v1> entry = granter.grants().entry(ref);
    if (!entry || (entry->flags & GTF_type_mask) != GTF_permit_access ||
        DomainId{entry->domid} != domain0) {
        return std::nullopt;
    }
    if (use == Use::write && (entry->flags & GTF_readonly) != 0) return std::nullopt;
    const Mfn mfn{entry->frame};
    PageTables& tables = granter.tables();
    const int held = use == Use::write ? tables.get_writable_page(granter.id(), mfn)
                                       : tables.get_page(granter.id(), mfn);
    if (held != 0) return std::nullopt;
    return GrantedPage{granter, ref, use, mfn};
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
    if (use_ == Use::write)
        granter_->tables().put_writable_page(mfn_);
    else
        granter_->tables().put_page(mfn_);
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
