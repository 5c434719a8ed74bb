// SPDX-License-Identifier: MIT
// The sections that say where a report comes from: host, files, method.
#include <fmt/format.h>

#include "analysis/report/evaluation.hpp"

namespace ring3::analysis {

void add_environment(const Evaluation& evaluation, Document& document) {
    const Campaign& campaign = evaluation.campaign;
    document.heading("Environment");
    Table table{{"what", "value"}, {}, ""};
    table.rows.push_back({"recorded by", campaign.generator});
    table.rows.push_back({"SHA-256 of the descriptor", campaign.descriptor_sha256});
    for (const auto& [name, value] : campaign.host)
        if (!value.empty()) table.rows.push_back({name, value});
    document.add(table);
    if (campaign.host.empty())
        document.paragraph("There is no host.h5: nothing is known of the host.");
    if (!campaign.descriptor.empty()) document.add(Details{"The descriptor", campaign.descriptor});
}

void add_method(const Evaluation&, Document& document) {
    document.heading("How the numbers were made");
    document.paragraph(
        "Only runs that came to their end with the right output count; of those the iterations "
        "from a steady state on, where the descriptor has a rule for it, else warm iterations "
        "alone, where a program has any. A run's value is the median of its iterations, a point's "
        "the median of its runs; a point's seeds are repetitions. Intervals of medians are order "
        "statistics, whatever the distribution; with fewer than six runs they reach less than "
        "95%, and say so. Intervals of ratios are percentiles of a hierarchical bootstrap (2000 "
        "draws of runs, then of iterations, with a fixed seed); with fewer than five runs, of "
        "which such intervals are too narrow, they are Student's, of the logarithms of the runs' "
        "values "
        "with Welch's degrees of freedom. A single value on the wall clock "
        "has no interval. Under the virtual clock a repetition gives the same value, which is "
        "exact. Means of ratios are geometric; a suite with a missing member has no score. "
        "Outliers are never dropped. Cliff's delta is the effect size: negligible below 0.147, "
        "small below 0.33, medium below 0.474.");
    document.paragraph(
        "Every chart has its data (.dat) and script (.gp) beside this page; `gnuplot NAME.gp` "
        "draws it again.");
}

}  // namespace ring3::analysis
