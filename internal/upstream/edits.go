package main

import "slices"

// edits are the only places where Podhop's Kubernetes differs from the published one.
var edits = slices.Concat(stopEdits, volumeEdits, metricsEdits, nodeNetworkEdits, streamEdits, relistEdits, startEdits, serviceEdits, certificateEdits, statsEdits, hostEdits)
