package main

// statsEdits have volumes looked at when somebody asks for their statistics:
// upstream has a goroutine a pod that does so all the time.
var statsEdits = []edit{
	{
		File: "pkg/kubelet/server/stats/fs_resource_analyzer.go",
		Why:  "no goroutine a pod",
		Old:  "newVolumeStatCalculator(s.statsProvider, s.calcPeriod, pod, s.eventRecorder).StartOnce(logger)",
		New:  "newVolumeStatCalculator(s.statsProvider, s.calcPeriod, pod, s.eventRecorder)",
	}, {
		File: "pkg/kubelet/server/stats/fs_resource_analyzer.go",
		Why:  "statistics are made when they are asked for",
		Old:  "	return statCalc.GetLatest()\n",
		New:  "	statCalc.refresh(klog.TODO())\n	return statCalc.GetLatest()\n",
	}, {
		File: "pkg/kubelet/server/stats/volume_stat_calculator.go",
		Why:  "statistics are made when they are asked for, and no more often than each period",
		Old:  "// getLatest returns the most recent PodVolumeStats from the cache\n",
		New: `// refresh makes new statistics unless there are some of this period.
func (s *volumeStatCalculator) refresh(logger klog.Logger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.at) >= s.jitterPeriod {
		s.calcAndStoreStats(logger)
		s.at = now
	}
}

// getLatest returns the most recent PodVolumeStats from the cache
`,
	}, {
		File: "pkg/kubelet/server/stats/volume_stat_calculator.go",
		Why:  "statistics are made when they are asked for",
		Old:  "	latest        atomic.Value\n",
		New:  "	latest        atomic.Value\n	mu            sync.Mutex\n	at            time.Time\n",
	},
}
