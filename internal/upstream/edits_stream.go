package main

// streamEdits let the kubelet reach its runtime's streaming server in process:
// a host that has a StreamTransport dials by it.
var streamEdits = []edit{
	{
		File:  "pkg/kubelet/server/server.go",
		Why:   "exec, attach and port-forward in process",
		Old:   "proxy.NewUpgradeAwareHandler(url, nil /*transport*/,",
		New:   "proxy.NewUpgradeAwareHandler(url, streamTransport(s.host),",
		Count: 3,
	}, {
		File:  "pkg/kubelet/server/server.go",
		Why:   "exec and attach over websockets in process",
		Old:   "translator.NewStreamTranslatorHandler(url, nil, 0, streamOptions)",
		New:   "translator.NewStreamTranslatorHandler(url, streamTransport(s.host), 0, streamOptions)",
		Count: 2,
	}, {
		File: "pkg/kubelet/server/server.go",
		Why:  "exec, attach and port-forward in process",
		Old:  "type responder struct{}\n",
		New: `// streamTransport is how host's runtime is reached; the network if nil.
func streamTransport(host HostInterface) http.RoundTripper {
	if h, ok := host.(interface{ StreamTransport() http.RoundTripper }); ok {
		return h.StreamTransport()
	}
	return nil
}

type responder struct{}
`,
	},
}
