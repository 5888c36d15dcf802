#!/bin/bash
curl --silent --show-error --max-time 3 --retry 20 --retry-delay 1 --retry-all-errors http://node-1:30080/ | head -n 4
