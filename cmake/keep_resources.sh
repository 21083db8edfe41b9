#!/bin/bash
# Runs a compilation by nvcc and keeps what ptxas says of each kernel in OBJECT.resources; other messages pass.
#   keep_resources.sh nvcc ... -Xptxas=-v ... -o OBJECT ...
for ((k = 1; k < $#; ++k)); do
  if [[ ${!k} == -o ]]; then object=${*:k+1:1}; fi
done
messages=$("$@" 2>&1 > /dev/null)
status=$?
kept='^ptxas info|bytes stack frame'
if [[ -n ${object:-} && $status == 0 ]]; then grep -E "$kept" <<< "$messages" > "$object.resources"; fi
grep -vE "$kept|^$" <<< "$messages" >&2
exit "$status"
