#!/bin/sh
# Prints environment variables, as other builds of busybox and coreutils do.
[ $# = 0 ] && exec env
exec awk 'BEGIN { for (i = 1; i < ARGC; i++) if (ARGV[i] in ENVIRON) print ENVIRON[ARGV[i]]; else missing = 1; exit missing }' "$@"
