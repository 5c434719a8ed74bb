// SPDX-License-Identifier: MIT
// The one file that knows gnuplot-iostream. It writes the scripts; gnuplot itself is run on them
// afterwards, because a pipe to it does not tell whether it succeeded.
#include "analysis/charts/chart.hpp"

#include <cerrno>
#include <fstream>
#include <system_error>

#include <fmt/format.h>
#include <gnuplot-iostream.h>

#include "analysis/charts/program.hpp"
#include "hv/base/errors.hpp"

namespace ring3::analysis {
namespace {

namespace fs = std::filesystem;

void write_file(const fs::path& path, const std::string& text) {
    std::ofstream file(path, std::ios::binary);
    file << text;
    if (!file.flush())
        throw std::system_error{errno, std::generic_category(), "cannot write " + path.string()};
}

void run_gnuplot(const std::string& script, const fs::path& folder) {
    const ProgramOutcome outcome = run_program({"gnuplot", script}, folder);
    if (outcome.code == 127)
        throw EnvironmentError{
            "gnuplot is not installed, and it draws the charts: apt install gnuplot-nox"};
    if (outcome.code != 0)
        throw EnvironmentError{
            fmt::format("gnuplot failed on {}: {}", (folder / script).string(), outcome.said)};
}

void write_head(Gnuplot& script, const Chart& chart, const std::string& pictures) {
    script << "# Draws " << pictures << ": gnuplot " << chart.name << ".gp\n";
    script << "data = '" << chart.name << ".dat'\n";
}

/// What all charts have in common.
constexpr const char* style =
    "set encoding utf8\n"
    "set border 3 lc rgb '#444444'\n"
    "set tics nomirror tc rgb '#222222'\n"
    "set grid ytics lc rgb '#dddddd' lt 1 lw 1\n"
    "set errorbars 0.6\n"
    "set key outside top center horizontal Left reverse samplen 1.5\n";

}  // namespace

void draw(const Chart& chart, const fs::path& folder) {
    fs::create_directories(folder);
    const std::string stem = chart.name;
    write_file(folder / (stem + ".dat"), chart.data);
    {
        Gnuplot script{">" + (folder / (stem + ".gp")).string()};
        write_head(script, chart, stem + ".svg and " + stem + ".png");
        script << fmt::format(
            "set terminal svg size {},{} dynamic noenhanced background rgb 'white' "
            "font 'sans-serif,13'\nsmall = ',11'\nset output '{}.svg'\n",
            chart.width, chart.height, stem);
        script << style << chart.script;
        script << fmt::format(
            "set terminal pngcairo size {},{} noenhanced font 'sans,10'\nsmall = ',9'\n"
            "set output '{}.png'\nreplot\nset output\n",
            chart.width, chart.height, stem);
        if (!script.good())
            throw EnvironmentError{fmt::format("cannot write {}.gp", (folder / stem).string())};
    }
    run_gnuplot(stem + ".gp", folder);
}

void draw_pdf(const Chart& chart, const fs::path& folder) {
    fs::create_directories(folder);
    const std::string stem = chart.name;
    write_file(folder / (stem + ".dat"), chart.data);
    {
        Gnuplot script{">" + (folder / (stem + ".gp")).string()};
        write_head(script, chart, stem + ".pdf");
        script << fmt::format(
            "set terminal pdfcairo size {:.2f}in,{:.2f}in noenhanced font 'sans,9'\nsmall = ',8'\n"
            "set output '{}.pdf'\n",
            chart.width / 110.0, chart.height / 110.0, stem);
        script << style << chart.script << "set output\n";
    }
    run_gnuplot(stem + ".gp", folder);
}

std::string script_text(std::string_view text) {
    // In double quotes a line break can be written; what else they would read is taken out.
    std::string result = "\"";
    for (const char c : text) {
        if (c == '\n')
            result += "\\n";
        else if (c == '"' || c == '\\')
            result += std::string{"\\"} + c;
        else
            result += c;
    }
    return result + "\"";
}

std::string data_word(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) result += c == '"' || c == '\n' || c == '\\' ? ' ' : c;
    return result + "\"";
}

}  // namespace ring3::analysis
