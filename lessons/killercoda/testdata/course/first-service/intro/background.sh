#!/bin/bash
echo preparing
kubectl create namespace shop
touch /tmp/prepared
