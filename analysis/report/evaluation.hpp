// SPDX-License-Identifier: MIT
// What all sections of a report are made from, and the sections: each adds its part to the
// document, or nothing where the campaign has nothing to show in it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "analysis/charts/kinds.hpp"
#include "analysis/claims/claims.hpp"
#include "analysis/load/campaign.hpp"
#include "analysis/load/published.hpp"
#include "analysis/measures/measures.hpp"
#include "analysis/report/document.hpp"

namespace ring3::analysis {

struct Evaluation {
    Campaign campaign;
    std::vector<Measured> measured;
    std::vector<ClaimResult> claims;
    std::vector<PublishedFigure> published;
    /// Comparisons that are not made, since their software differs and nobody said so.
    struct Refusal {
        Point point;
        std::string text;
    };
    std::vector<Refusal> refusals;

    bool is_refused(const Point& point) const;
    /// With what a point is compared: the baseline's point, or, where there is no other platform
    /// than the baseline, its first point of the same workload. Null where that is refused.
    const Measured* baseline_of(const Measured& one) const;
    /// For heads and axes.
    std::string baseline_name() const;
    bool has_baseline_only() const;
    /// The platforms that have points, in their order.
    std::vector<std::string> platforms() const;
    std::string kind_of(const std::string& platform) const;
    /// The label for charts: what keeps virtual time says so beside others that keep none.
    std::string label(const Point& point) const;
    bool has_both_clocks() const;
};

Evaluation evaluate(Campaign campaign);

/// Figure 3 of the SOSP 2003 paper, redrawn; nothing without a baseline and a workload of it.
std::optional<Chart> figure3_chart(const Evaluation& evaluation);
void add_figure3(const Evaluation& evaluation, Document& document);
void add_scores(const Evaluation& evaluation, Document& document);
void add_claims(const Evaluation& evaluation, Document& document);
/// Tables 3 to 6 of the paper, where their rows were measured.
void add_paper_tables(const Evaluation& evaluation, Document& document);
void add_programs(const Evaluation& evaluation, Document& document);
/// Where iterations became steady, of workloads that have a rule for it.
void add_steady(const Evaluation& evaluation, Document& document);
void add_spread(const Evaluation& evaluation, Document& document);
void add_sweeps(const Evaluation& evaluation, Document& document);
/// Of the section about factors: bars over a factor whose values are names.
void add_categories(const Evaluation& evaluation, Document& document);
/// Who had how much of the CPUs while all domains were at work; nothing without traces.
void add_at_work(const Evaluation& evaluation, Document& document);
void add_timelines(const Evaluation& evaluation, Document& document);
void add_losses(const Evaluation& evaluation, Document& document);
void add_run_order(const Evaluation& evaluation, Document& document);
void add_environment(const Evaluation& evaluation, Document& document);
void add_method(const Evaluation& evaluation, Document& document);

/// A row of figure 3: which workload stands in it here, and how.
struct Figure3Row {
    const char *title, *workload;
    /// What of the workload: the first of these that was measured. Empty words: any.
    struct Choice {
        const char *program, *metric, *remark;
    };
    std::vector<Choice> choices;
};
const std::vector<Figure3Row>& figure3_rows();

/// What gives one score: a row of figure 3, or a whole workload that stands in none.
struct Suite {
    std::string workload, size;
    const Figure3Row* row = nullptr;
    std::string remark;  ///< how it differs from what usually stands in its row
    std::vector<Quantity> members;

    std::string label() const;
    bool holds(const Measured& one) const {
        return one.point.workload == workload && one.point.size == size;
    }
};
/// In the order of the campaign's workloads.
std::vector<Suite> suites_of(const Evaluation& evaluation);

/// A table of the paper: its row "null call" is measured as "null_call".
struct PaperTable {
    const char *figure, *title, *workload;
    struct Row {
        const char *name, *program, *metric;  ///< no program: any
    };
    std::vector<Row> rows;
    /// Whom the paper has there.
    std::vector<const char*> platforms;
    /// By size, of what is measured as a time for so many MiB and shown in Mb/s.
    std::map<std::string, double> mib;
};
const std::vector<PaperTable>& paper_tables();

}  // namespace ring3::analysis
