// SPDX-License-Identifier: MIT
// Virtual time: a function of retired guest instructions and a declared cost model. It passes while
// instructions retire, moves on at each event that the model puts a price on, jumps over what
// nobody would notice, and knows nothing of the host: the same machine file and the same input give
// the same run, bit for bit, on any host.
#include <algorithm>
#include <array>

#include "hv/base/check.hpp"
#include "hv/base/params.hpp"
#include "hv/base/registry.hpp"
#include "hv/clock/clock.hpp"
#include "hv/clock/cost_model.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

/// 128 bits, since retired instructions times picoseconds leaves 64 bits after some months.
__extension__ using Picoseconds = unsigned __int128;
constexpr std::uint64_t picoseconds_per_nanosecond = 1000;

class Virtual final : public Clock {
public:
    explicit Virtual(Params& params) {
        const std::string chosen = params.text(
            "cost_model", "flat",
            "what takes how much time: flat, xeon-2003, or the path of a file; the keys below "
            "change single costs of it");
        const CostModel model = find_cost_model(chosen, params.origin_of("cost_model"));
        params.integer("cost_model_version", model.version, {model.version, model.version},
                       "what the model's version must be");
        for (const CostKey& key : cost_keys()) {
            const auto unit = static_cast<std::int64_t>(key.unit_ps);
            const auto price = static_cast<std::int64_t>(model.ps[index_of(key.cost)]) / unit;
            // At most 10^9 times 1000: fits.
            ps_[index_of(key.cost)] = static_cast<std::uint64_t>(
                unit * params.integer(key.key, price, {key.least, key.most()}, key.meaning));
        }
        date_at_start_ = params.duration("epoch_s", 946'684'800s,
                                         "date at the start, in seconds since 1970 (UTC)");
    }

    World world() const override { return World::closed; }

    Time now(std::uint64_t retired) override {
        const Picoseconds cold = std::min(retired - cold_from_, cold_count_);
        const Picoseconds spent = jumped_ + (Picoseconds{retired} + cold) * instruction_ps();
        return Time{Duration{static_cast<Duration::rep>(spent / picoseconds_per_nanosecond)}};
    }

    std::uint64_t budget(std::uint64_t retired, Time deadline) override {
        if (deadline <= now(retired)) return 1;
        // The first count of instructions at which the picoseconds reach the deadline, rounded up.
        const auto nanoseconds = static_cast<std::uint64_t>(deadline.time_since_epoch().count());
        const Picoseconds wanted = Picoseconds{nanoseconds} * picoseconds_per_nanosecond - jumped_;
        // Times of one instruction, of which each takes two while caches are cold.
        const Picoseconds times = (wanted + instruction_ps() - 1) / instruction_ps();
        const Picoseconds warm_from = Picoseconds{cold_from_} + cold_count_;
        const Picoseconds count =
            times > warm_from + cold_count_ ? times - cold_count_ : (times + cold_from_ + 1) / 2;
        constexpr std::uint64_t longest = std::uint64_t{1} << 62;
        return static_cast<std::uint64_t>(std::min<Picoseconds>(count - retired, longest));
    }

    Duration idle(std::uint64_t retired, Time deadline) override {
        HV_CHECK(deadline != never, "virtual time cannot jump to never");
        jump(std::max(deadline - now(retired), Duration::zero()));
        return Duration::zero();
    }

    bool charge(Cost cost, std::uint64_t count) override {
        // What one look at a ring found, or one hypercall did: far from overflow.
        const std::uint64_t price = ps_[index_of(cost)] * count;
        jumped_ += price;
        return price != 0;
    }

    void begin_turn(std::uint64_t retired, Duration cold) override {
        end_turn(retired);
        cold_from_ = retired;
        cold_count_ = ps_of(std::min(cold, cold_cache())) / instruction_ps();
    }

    Duration end_turn(std::uint64_t retired) override {
        const std::uint64_t paid = std::min(retired - cold_from_, cold_count_);
        const std::uint64_t left = cold_count_ - paid;
        jumped_ += Picoseconds{paid} * instruction_ps();
        cold_from_ = retired;
        cold_count_ = 0;
        return Duration{
            static_cast<Duration::rep>(left * instruction_ps() / picoseconds_per_nanosecond)};
    }

    Duration cold_cache() const override {
        return Duration{static_cast<Duration::rep>(ps_[index_of(Cost::cold_cache)] /
                                                   picoseconds_per_nanosecond)};
    }

    Duration date_at_start() const override { return date_at_start_; }

private:
    static constexpr std::size_t index_of(Cost cost) { return static_cast<std::size_t>(cost); }
    static std::uint64_t ps_of(Duration duration) {
        return static_cast<std::uint64_t>(duration.count()) * picoseconds_per_nanosecond;
    }
    std::uint64_t instruction_ps() const { return ps_[index_of(Cost::instruction)]; }
    void jump(Duration duration) {
        jumped_ +=
            Picoseconds{static_cast<std::uint64_t>(duration.count())} * picoseconds_per_nanosecond;
    }

    /// In effect: the model's, or what single keys say.
    std::array<std::uint64_t, cost_count> ps_{};
    Duration date_at_start_{};
    /// The sum of all time in which no guest's instruction retired.
    Picoseconds jumped_ = 0;
    /// From that count of instructions on so many take twice their time.
    std::uint64_t cold_from_ = 0, cold_count_ = 0;
};

const Registered<Clock, Virtual> entry{"virtual", "a function of retired instructions; repeatable"};

}  // namespace
}  // namespace ring3
