// SPDX-License-Identifier: MIT
// A machine file: one TOML file with the tables [machine] [scheduler] [memory] [io] [net] [disk]
// [clock] [engine]. All but the first choose a policy by `name = "..."`; the rest are parameters.
// [scheduler.NAME] is a CPU pool.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "hv/base/params.hpp"

namespace ring3 {

/// A policy as chosen: made through its Registry, which fills in the effective values.
struct PolicyChoice {
    std::string name;
    Params params;
};

/// A device, as a sub-table of a machine file names it: by its kind, [io.vbd]; by the bridge that
/// an interface is on, [net."bridge/xenbr0"]; by the domain that has it, [io.web]; by both names,
/// [io."web/xvda"].
struct DeviceName {
    std::string domain;    ///< "web"
    std::string device;    ///< "xvda"
    std::string kind;      ///< "vbd", "vif"
    std::string bridge{};  ///< "xenbr0"
};

class MachineConfig {
public:
    /// The machine of someone who says nothing.
    MachineConfig();

    /// Tables of a machine file. Throws ConfigError with file and line for what is malformed, and
    /// for tables that do not exist; parameters are checked by the policies themselves.
    void read_file(const std::filesystem::path& path);
    void read_text(std::string_view text, const std::string& path);
    /// "table.key=value", as after --set. The value is written as in TOML; what is none is text.
    void set(std::string_view assignment);
    /// Chooses a policy: what `name` in its table does. `origin` is for messages.
    void choose(std::string_view table, std::string_view name, const std::string& origin);

    /// All choices with the parameters in effect, once the machine is made: for people, in the form
    /// of a machine file.
    std::string describe() const;
    /// The same without what must not matter: how the engine does it.
    std::string describe_without_engine() const;

    Params& machine() { return machine_; }
    /// `table` is one of those above.
    PolicyChoice& policy(std::string_view table);
    const PolicyChoice& policy(std::string_view table) const;
    /// Of a table that has sub-tables for devices: what holds for this one. The sub-table of its
    /// kind goes before the table itself, then its bridge's, its domain's, and its own before all.
    /// Parameters are inherited as long as the policy stays the same.
    PolicyChoice device_policy(std::string_view table, const DeviceName& device) const;
    /// The table's own choice and that of each of its sub-tables: what devices may be given, to
    /// check it before there is a device.
    std::vector<PolicyChoice> device_policies(std::string_view table) const;
    /// The names of a table's sub-tables: of [scheduler], each is a CPU pool.
    std::vector<std::string> sub_tables(std::string_view table) const;
    /// One of them, with what it inherits from the table.
    PolicyChoice& refined_sub_table(std::string_view table, std::string_view name);
    /// [memory] has no policies to choose from yet: throws ConfigError for any key there.
    void reject_empty_kinds() const;

private:
    std::string describe_all_but(std::string_view skipped) const;
    const PolicyChoice* sub_table(std::string_view table, std::string_view name) const;
    PolicyChoice& table_for_writing(const std::string& table, const std::string& origin);
    void put(const std::string& table, const std::string& key, GivenValue value);
    std::vector<std::string> tables() const;

    Params machine_{"machine"};
    std::map<std::string, PolicyChoice, std::less<>> policies_;
    /// For devices and CPU pools, by table and by the sub-table's name.
    std::map<std::string, std::map<std::string, PolicyChoice, std::less<>>, std::less<>>
        sub_tables_;
};

}  // namespace ring3
