package command

import componentversion "k8s.io/component-base/version"

// kubernetesVersion is that of the upstream code that is built in.
func kubernetesVersion() string { return componentversion.Get().GitVersion }
