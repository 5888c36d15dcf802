package main

// relistEdits have a pod worker that waits for a newer look at its pod ask for
// one: upstream's waits for the next look at all pods, a second later.
var relistEdits = []edit{
	{
		File: "pkg/kubelet/container/cache.go",
		Why:  "who waits asks, and does not wait for a kubelet that has ended",
		Old:  "	ch := c.subscribe(id, minTime)\n	d := <-ch\n	return d.status, d.err\n",
		New: `	ch := c.subscribe(id, minTime)
	select {
	case d := <-ch:
		return d.status, d.err
	default:
	}
	c.relist(id)
	select {
	case d := <-ch:
		return d.status, d.err
	case <-c.ctx.Done():
		return nil, c.ctx.Err()
	}
`,
	}, {
		File: "pkg/kubelet/container/cache.go",
		Why:  "who waits asks",
		Old:  "func NewCache() Cache {\n	return &cache{",
		New:  "func NewCache(ctx context.Context, relist func(types.UID)) Cache {\n	return &cache{ctx: ctx, relist: relist, ",
	}, {
		File: "pkg/kubelet/container/cache.go",
		Why:  "who waits asks",
		Old:  "type cache struct {\n",
		New:  "type cache struct {\n	ctx    context.Context\n	relist func(types.UID)\n",
	}, {
		File: "pkg/kubelet/container/cache.go",
		Why:  "imports of the above",
		Old:  "import (\n",
		New:  "import (\n	\"context\"\n",
	}, {
		File: "pkg/kubelet/kubelet.go",
		Why:  "who waits asks",
		Old:  "	podCache := kubecontainer.NewCache()\n",
		New:  "	podCache := kubecontainer.NewCache(ctx, func(uid types.UID) { klet.pleg.RequestRelist(logger, uid) })\n",
	},
}
