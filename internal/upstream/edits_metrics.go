package main

// metricsEdits keep one kubelet's collectors out of the process' registry: a
// second kubelet would panic there, and the first would never be freed.
var metricsEdits = []edit{
	{
		File: "pkg/kubelet/metrics/metrics.go",
		Why:  "collectors of volumes and logs",
		Old:  "	legacyregistry.CustomMustRegister(collectors...)",
		New:  "	// Not registered: there are many kubelets in this process.",
	}, {
		File: "pkg/kubelet/volumemanager/metrics/metrics.go",
		Why:  "collector of the volume manager's worlds",
		Old:  "		legacyregistry.CustomMustRegister(&totalVolumesCollector{asw: asw, dsw: dsw, pluginMgr: pluginMgr})\n",
		New:  "",
	}, {
		File: "pkg/kubelet/pluginmanager/metrics/metrics.go",
		Why:  "collector of the plugin manager's worlds",
		Old:  "		legacyregistry.CustomMustRegister(&totalPluginsCollector{asw: asw, dsw: dsw})\n",
		New:  "",
	}, {
		File: "pkg/kubelet/pluginmanager/metrics/metrics.go",
		Why:  "imports of the above",
		Old:  "	\"k8s.io/component-base/metrics/legacyregistry\"\n",
		New:  "",
	},
}
