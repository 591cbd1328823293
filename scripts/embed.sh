#!/bin/sh
# embed.sh NAME=FILE...: files as strings of C, `static const char NAME[]`, on the standard output.
set -eu
for pair; do
    printf 'static const char %s[] =\n' "${pair%%=*}"
    sed 's/\\/\\\\/g; s/"/\\"/g; s/^/    "/; s/$/\\n"/' "${pair#*=}"
    printf '    ;\n'
done
