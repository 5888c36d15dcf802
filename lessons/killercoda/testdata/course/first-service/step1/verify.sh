#!/bin/bash
kubectl -n shop get pod web -o jsonpath='{.status.phase}' | grep -x Running
