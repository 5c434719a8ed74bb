// SPDX-License-Identifier: MIT
#include "analysis/stats/least_squares.hpp"

#include <Eigen/Dense>

#include <algorithm>
#include <limits>

#include "hv/base/check.hpp"

namespace ring3::analysis {
namespace {

/// Columns that may differ from zero.
using Passive = std::vector<Eigen::Index>;

/// The unbounded solution over these columns; zero elsewhere.
Eigen::VectorXd solve(const Eigen::MatrixXd& rows, const Eigen::VectorXd& wanted,
                      const Passive& passive) {
    const Eigen::MatrixXd part = rows(Eigen::all, passive);
    const Eigen::VectorXd found = part.colPivHouseholderQr().solve(wanted);
    Eigen::VectorXd all = Eigen::VectorXd::Zero(rows.cols());
    for (std::size_t i = 0; i < passive.size(); ++i)
        all[passive[i]] = found[static_cast<Eigen::Index>(i)];
    return all;
}

/// From `x`, which is feasible, towards the solution over `passive`, dropping columns that reach
/// zero on the way.
Eigen::VectorXd approach(const Eigen::MatrixXd& rows, const Eigen::VectorXd& wanted,
                         Passive& passive, Eigen::VectorXd x) {
    while (!passive.empty()) {
        const Eigen::VectorXd aim = solve(rows, wanted, passive);
        double step = 1;
        for (const Eigen::Index column : passive)
            if (aim[column] <= 0) step = std::min(step, x[column] / (x[column] - aim[column]));
        if (step == 1) return aim;
        x += step * (aim - x);
        // At least the one that set the step; rounding leaves it a little off zero.
        std::erase_if(passive, [&](Eigen::Index column) {
            const bool is_spent = aim[column] <= 0 && x[column] <= 1e-12 * (x.maxCoeff() + 1);
            if (is_spent) x[column] = 0;
            return is_spent;
        });
    }
    return x;
}

}  // namespace

std::vector<double> non_negative_least_squares(std::span<const std::vector<double>> rows,
                                               std::span<const double> wanted) {
    HV_CHECK(!rows.empty() && rows.size() == wanted.size(), "a wanted value for each row");
    const auto height = static_cast<Eigen::Index>(rows.size());
    const auto width = static_cast<Eigen::Index>(rows[0].size());
    Eigen::MatrixXd a(height, width);
    Eigen::VectorXd b(height), x = Eigen::VectorXd::Zero(width);
    for (Eigen::Index row = 0; row < height; ++row) {
        const std::vector<double>& values = rows[static_cast<std::size_t>(row)];
        HV_CHECK(static_cast<Eigen::Index>(values.size()) == width, "rows of one width");
        for (Eigen::Index i = 0; i < width; ++i) a(row, i) = values[static_cast<std::size_t>(i)];
        b[row] = wanted[static_cast<std::size_t>(row)];
    }
    // Columns of one scale, so that one tolerance serves all.
    Eigen::VectorXd scale = a.colwise().norm();
    for (Eigen::Index i = 0; i < width; ++i)
        if (scale[i] == 0) scale[i] = 1;
    a = a * scale.cwiseInverse().asDiagonal();

    Passive passive;
    const double tolerance = 1e-10 * b.norm();
    // Each round takes a column in and lowers the sum of squares, so no set comes back: the bound
    // is for what rounding may do.
    for (Eigen::Index round = 0; round < 3 * width; ++round) {
        const Eigen::VectorXd gain = a.transpose() * (b - a * x);
        Eigen::Index best = -1;
        for (Eigen::Index i = 0; i < width; ++i) {
            const bool is_in = std::ranges::find(passive, i) != passive.end();
            if (!is_in && gain[i] > tolerance && (best < 0 || gain[i] > gain[best])) best = i;
        }
        if (best < 0) break;
        passive.push_back(best);
        x = approach(a, b, passive, x);
    }
    x = x.cwiseQuotient(scale);
    return {x.begin(), x.end()};
}

}  // namespace ring3::analysis
