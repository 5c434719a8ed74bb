// SPDX-License-Identifier: MIT
// A chart: a gnuplot script and its data, each in a file that a reader can change and run again.
// The kinds of charts (bars, dots...) make one of these from plain numbers; draw() makes the
// pictures.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace ring3::analysis {

struct Chart {
    std::string name;     ///< of its files: NAME.gp, NAME.dat, NAME.svg, NAME.png
    std::string title;    ///< above the picture, in the report
    std::string caption;  ///< what is drawn, and what its intervals are
    std::string alt;      ///< for who cannot see it
    int width = 900, height = 480;
    std::string script;  ///< from the settings to the plot; reads the file `data`
    std::string data;
};

/// Writes the script and the data into `folder`, and has gnuplot draw NAME.svg and NAME.png beside
/// them. EnvironmentError where gnuplot is missing or fails.
void draw(const Chart& chart, const std::filesystem::path& folder);

/// As NAME.pdf, for LaTeX.
void draw_pdf(const Chart& chart, const std::filesystem::path& folder);

/// Text as gnuplot reads it in a script, and as a word of a data file.
std::string script_text(std::string_view text);
std::string data_word(std::string_view text);

}  // namespace ring3::analysis
