#!/bin/bash
# SPDX-License-Identifier: MIT
# The script `ring3`, tried on a small tree that builds in a second: what it prints, when it builds,
# and what it survives. No package is installed: the list names one that every Debian has.
set -uo pipefail

root=$(dirname -- "$(readlink -f -- "$0")")/../..
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
unset RING3_PRESET MAKEFLAGS

mkdir -p "$tree"/{hv/base,cli,cmake,experiments,analysis,workloads/{catalogue,images}}
cp "$root/ring3" "$root/CMakePresets.json" "$tree"
echo bash >"$tree/packages.txt"
cat >"$tree/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(small LANGUAGES CXX)
file(GLOB sources CONFIGURE_DEPENDS hv/base/*.cpp)
add_executable(ring3 cli/main.cpp ${sources})
if(EXISTS "${CMAKE_SOURCE_DIR}/cmake/slow")
    file(TOUCH "${CMAKE_BINARY_DIR}/sleeping")
    execute_process(COMMAND sleep 60)
endif()
enable_testing()
add_test(NAME passes COMMAND ring3)
END
cat >"$tree/cli/main.cpp" <<'END'
#include <cstdio>
#include <cstdlib>
int main(int, char** arguments) {
    std::printf("%s", std::getenv("RING3_ROOT"));
    while (*++arguments) std::printf(" <%s>", *arguments);
    return 0;
}
END
printed=$(cd "$tree" && pwd -P)

failures=0
expect() {
    local what=$1 wanted=$2 got=$3
    [[ $got == "$wanted" ]] && echo "ok: $what" && return
    echo "FAILED: $what: wanted '$wanted', got '$got'"
    failures=$((failures + 1))
}
start() { "$tree/ring3" "$@" 2>"$tree/stderr" </dev/null; }

expect "the first start builds, and stdout is the program's" "$printed <a b> <--c>" \
    "$(start 'a b' --c)"
expect "one line tells of the build" 1 "$(grep -c '^ring3: building' "$tree/stderr")"

built=$(stat -c %Y%y "$tree/build/release/ring3")
expect "a second start says nothing" "$printed" "$(start; cat "$tree/stderr")"
expect "a second start builds nothing" "$built" "$(stat -c %Y%y "$tree/build/release/ring3")"

# A second start asks nobody: were ninja, cmake or dpkg started, this would be seen.
mkdir "$tree/asked"
for tool in ninja cmake dpkg dpkg-query apt-get; do
    printf '#!/bin/sh\necho %s >>"%s/asked/log"\nexit 1\n' $tool "$tree" >"$tree/asked/$tool"
    chmod +x "$tree/asked/$tool"
done
expect "a second start asks nobody" "$printed" \
    "$(PATH=$tree/asked:$PATH start; cat "$tree/asked/log" 2>/dev/null)"

ln -s "$tree/ring3" "$tree/hv/link"
expect "any folder and a link will do" "$printed" "$(cd / && "$tree/hv/link" 2>&1 | tail -n 1)"
expect "HOME and cache may be empty" "$printed <x>" "$(HOME='' XDG_CACHE_HOME='' start x)"
expect "a bare environment will do" "$printed" "$(env -i "$tree/ring3" 2>&1)"

echo 'int broken(' >"$tree/hv/base/extra.cpp"
start >"$tree/stdout"
expect "code that does not compile ends in 4" 4 $?
expect "the compiler's words are shown" 1 "$(grep -c 'extra.cpp:1:.*error' "$tree/stderr")"
expect "and nothing is run then" "" "$(cat "$tree/stdout")"
rm "$tree/hv/base/extra.cpp"
expect "a file that is gone again is a change" "$printed" "$(start)"

# As a terminal does it: the interrupt goes to every process of the build, which is at a slow step.
touch "$tree/cmake/slow"
set -m
"$tree/ring3" >"$tree/stdout" 2>"$tree/stderr" &
set +m
until [[ -e $tree/build/release/sleeping ]]; do sleep 0.01; done
kill -INT -- -$!
wait $!
expect "an interrupt ends the build and runs nothing" "130 " "$? $(cat "$tree/stdout")"
rm "$tree/cmake/slow"
expect "an interrupted build is taken up again" "$printed" "$(start)"

echo 'int extra() { return 0; }' >"$tree/hv/base/extra.cpp"
"$tree/ring3" one >"$tree/one" 2>&1 &
"$tree/ring3" two >"$tree/two" 2>&1 &
wait
expect "of two starts at once each runs" "$printed <one>,$printed <two>" \
    "$(tail -n 1 "$tree/one"),$(tail -n 1 "$tree/two")"

expect "tests are run" 1 "$(start test | grep -c '^100% tests passed, 0 tests failed out of 1$')"
start test -R no_such_test >"$tree/stdout"
expect "no test at all is a failure" yes "$([[ $? -ne 0 ]] && echo yes)"

# The tree that moves away takes its build along, and builds again at its new place.
mkdir "$tree/moved"
mv "$tree"/{ring3,CMake*,packages.txt,hv,cli,cmake,workloads,build} "$tree/moved"
touch "$tree/moved/cli/main.cpp"
expect "a tree that moved is built anew" "$printed/moved" "$("$tree/moved/ring3" 2>/dev/null)"

# For root that is someone without rights; who has them, by sudo, would really install.
someone=()
((EUID == 0)) && someone=(setpriv --reuid=65534 --regid=65534 --clear-groups)
if ! "${someone[@]}" sudo --non-interactive true 2>/dev/null; then
    chmod -R a+rwX "$tree"
    echo no-such-package-of-debian >>"$tree/moved/packages.txt"
    "${someone[@]}" "$tree/moved/ring3" >"$tree/stdout" 2>"$tree/stderr"
    expect "a missing package without rights to install it ends in 4" 4 $?
    expect "with the command that would" 1 \
        "$(grep -c '^    sudo apt-get update && .* no-such-package-of-debian$' "$tree/stderr")"
    expect "and nothing is run" "" "$(cat "$tree/stdout")"
fi

echo "$failures failed"
((failures == 0))
