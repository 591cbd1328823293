#!/bin/bash
# coverage.sh FOLDER: what the unit tests (and with SKIFF_COVERAGE_E2E=1 the end-to-end tests) reach,
# as FOLDER/coverage.html and a table.
set -eu
cd "$(dirname "$0")/.."
folder=${1:-build-coverage}
scripts/setup.sh "$folder" -Db_coverage=true -Dstatic=false -Dbuildtype=debug
ninja -C "$folder" --quiet programs meson-test-prereq
find "$folder" -name '*.gcda' -delete
meson test -C "$folder" --no-rebuild --suite unit >"$folder/unit.log" 2>&1 || {
    echo "coverage: unit tests failed; see $folder/unit.log" >&2
}
if [ -n "${SKIFF_COVERAGE_E2E:-}" ]; then
    SKIFF_BUILD=$PWD/$folder bats --tap tests/e2e/*.bats >"$folder/e2e.log" 2>&1 </dev/null || {
        echo "coverage: end-to-end tests failed; see $folder/e2e.log" >&2
    }
fi
gcovr --root . --object-directory "$folder" --filter src/ --exclude-unreachable-branches \
    --html-details "$folder/coverage.html" --txt "$folder/coverage.txt"
awk 'NR > 5' "$folder/coverage.txt"
echo "$folder/coverage.html"
