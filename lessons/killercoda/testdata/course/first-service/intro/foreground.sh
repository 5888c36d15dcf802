echo "Preparing the cluster..."
while [ ! -f /tmp/prepared ]; do sleep 0.2; done
echo Ready.
