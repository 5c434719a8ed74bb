// SPDX-License-Identifier: MIT
#include "analysis/claims/claims.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "analysis/measures/software.hpp"
#include "analysis/text/numbers.hpp"

namespace ring3::analysis {
namespace {

bool is_named(const std::string& wanted, const std::string& name) {
    return wanted.empty() || wanted == name;
}

/// The point of `than` that stands against `mine`: of equal factors if there is one, else the only
/// one that the claim's words allow.
const Measured* opponent(const std::vector<Measured>& all, const Claim& claim,
                         const Measured& mine) {
    const Measured* only = nullptr;
    std::size_t count = 0;
    for (const Measured& other : all) {
        const Point& point = other.point;
        if (point.platform != claim.than || point.workload != mine.point.workload ||
            point.size != mine.point.size || !has_factors(point.factors, claim.than_factors))
            continue;
        // Two domains of one machine, or two platforms.
        const bool may_be_itself = !claim.than_domain.empty();
        if (claim.than_factors.empty() && (may_be_itself || &other != &mine) &&
            point.factors == mine.point.factors)
            return &other;
        only = &other;
        ++count;
    }
    return count == 1 ? only : nullptr;
}

struct Pairs {
    std::vector<SamplePair> pairs;
    std::string missing;
};

void add_missing(Pairs& pairs, const std::string& text) {
    if (!pairs.missing.empty()) pairs.missing += "; ";
    pairs.missing += text;
}

std::string why_empty(const Measured& measured) {
    return measured.reason.empty()
               ? fmt::format("{} {}: {}", measured.point.platform, measured.point.workload,
                             measured.mark())
               : fmt::format("{} {}: {} ({})", measured.point.platform, measured.point.workload,
                             measured.mark(), measured.reason);
}

bool has_zero(const Measure& measure) {
    return std::ranges::any_of(measure.sample.runs, [](const std::vector<double>& run) {
        return std::ranges::find(run, 0.0) != run.end();
    });
}

void add_pairs(const Claim& claim, const Measured& mine, const Measured& its, Pairs& pairs) {
    for (const Measured* side : {&mine, &its})
        if (!side->mark().empty()) return add_missing(pairs, why_empty(*side));
    const auto all_of = [&](const Measured& side) -> const std::map<Quantity, Measure>& {
        return claim.program == "schedule" ? side.schedule : side.measures;
    };
    for (const auto& [quantity, measure] : all_of(mine)) {
        if (!is_named(claim.program, quantity.program) ||
            !is_named(claim.metric, quantity.metric) || !is_named(claim.domain, quantity.domain))
            continue;
        Quantity other = quantity;
        if (!claim.than_domain.empty()) other.domain = claim.than_domain;
        const auto found = all_of(its).find(other);
        if (found == all_of(its).end() || measure.sample.empty() || found->second.sample.empty()) {
            add_missing(pairs, fmt::format("{} {} is missing on one side", mine.point.workload,
                                           quantity.label()));
            continue;
        }
        if (has_zero(measure) || has_zero(found->second)) {
            add_missing(pairs, fmt::format("{} {} is 0 on one side, and has no ratio",
                                           mine.point.workload, quantity.label()));
            continue;
        }
        SamplePair pair{&measure.sample, &found->second.sample};
        if (measure.better == Better::lower) std::swap(pair.above, pair.below);
        pairs.pairs.push_back(pair);
    }
}

Pairs pairs_for(const Campaign& campaign, const Claim& claim, const std::vector<Measured>& all) {
    Pairs pairs;
    for (const Measured& mine : all) {
        if (mine.point.platform != claim.platform ||
            !is_named(claim.workload, mine.point.workload) ||
            !has_factors(mine.point.factors, claim.factors))
            continue;
        const Measured* const its = opponent(all, claim, mine);
        if (its == nullptr) {
            add_missing(pairs, fmt::format("{} has no single point to compare {} {} with",
                                           claim.than, mine.point.label(), mine.point.workload));
            continue;
        }
        const auto unnamed = unnamed_differences(campaign, mine.point, its->point);
        if (unnamed.empty())
            add_pairs(claim, mine, *its, pairs);
        else
            add_missing(pairs, refusal_text(mine.point, its->point, unnamed));
    }
    return pairs;
}

/// What the runs of a point have of the claim's fact.
std::set<std::string> facts_of(const Campaign& campaign, const Claim& claim, const Point& point) {
    std::set<std::string> facts;
    for (const Run& run : campaign.runs) {
        const Cell& cell = campaign.cell_of(run);
        if (run.status != Status::ok || cell.platform != point.platform ||
            cell.factors != point.factors || cell.workload != point.workload)
            continue;
        const auto found = run.meta.find(claim.fact);
        if (found != run.meta.end()) facts.insert(found->second);
    }
    return facts;
}

/// Of a fact: met where it is at both points what the claim says, the same or not.
ClaimResult evaluate_fact(const Campaign& campaign, const Claim& claim,
                          const std::vector<Measured>& all) {
    ClaimResult result{claim, Verdict::undecided, std::nullopt, 0,
                       "nothing that the claim names was measured"};
    for (const Measured& mine : all) {
        if (mine.point.platform != claim.platform ||
            !has_factors(mine.point.factors, claim.factors))
            continue;
        const Measured* const its = opponent(all, claim, mine);
        const auto here = facts_of(campaign, claim, mine.point);
        const auto there =
            its == nullptr ? std::set<std::string>{} : facts_of(campaign, claim, its->point);
        if (here.size() != 1 || there.size() != 1) {
            result.verdict = Verdict::undecided;
            result.reason =
                fmt::format("{}: not one {} on each side", mine.point.label(), claim.fact);
            return result;
        }
        ++result.quantities;
        const bool holds = (here == there) != claim.differs;
        if (!holds) {
            result.verdict = Verdict::not_met;
            result.reason = here == there ? "it is the same" : "it differs";
            return result;
        }
        result.verdict = Verdict::met;
        result.reason = claim.differs ? "it differs" : "it is the same, bit for bit";
    }
    return result;
}

ClaimResult evaluate(const Campaign& campaign, const Claim& claim,
                     const std::vector<Measured>& all) {
    const Pairs pairs = pairs_for(campaign, claim, all);
    ClaimResult result{claim, Verdict::undecided, std::nullopt, pairs.pairs.size(), pairs.missing};
    if (pairs.pairs.empty()) {
        if (result.reason.empty()) result.reason = "nothing that the claim names was measured";
        return result;
    }
    result.ratio = estimate_geometric_mean(pairs.pairs);
    result.verdict = verdict_on(*result.ratio, claim.at_least, claim.at_most);
    if (result.verdict == Verdict::undecided && result.reason.empty())
        result.reason = result.ratio->interval
                            ? "the interval spans the bound"
                            : "one value on the wall clock gives no interval; repeat the run";
    return result;
}

}  // namespace

const char* verdict_name(Verdict verdict) {
    return verdict == Verdict::met ? "met" : verdict == Verdict::not_met ? "not met" : "undecided";
}

Verdict verdict_on(const Estimate& ratio, double at_least, double at_most) {
    if (!ratio.interval || (std::isnan(at_least) && std::isnan(at_most))) return Verdict::undecided;
    const Interval& interval = *ratio.interval;
    // Comparisons with NaN, which is no bound, are false.
    if (interval.high < at_least || interval.low > at_most) return Verdict::not_met;
    if (interval.low < at_least || interval.high > at_most) return Verdict::undecided;
    return Verdict::met;
}

std::vector<ClaimResult> evaluate_claims(const Campaign& campaign,
                                         const std::vector<Measured>& measured) {
    std::vector<ClaimResult> results;
    for (const Claim& claim : campaign.claims)
        results.push_back(claim.fact.empty() ? evaluate(campaign, claim, measured)
                                             : evaluate_fact(campaign, claim, measured));
    return results;
}

std::string bounds_text(const Claim& claim) {
    if (!claim.fact.empty()) return claim.differs ? "differs" : "the same";
    const bool has_least = !std::isnan(claim.at_least), has_most = !std::isnan(claim.at_most);
    if (has_least && has_most)
        return fmt::format("between {} and {}", significant(claim.at_least),
                           significant(claim.at_most));
    if (has_least) return fmt::format("at least {}", significant(claim.at_least));
    if (has_most) return fmt::format("at most {}", significant(claim.at_most));
    return "no bound";
}

}  // namespace ring3::analysis
