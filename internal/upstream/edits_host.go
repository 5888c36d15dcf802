package main

// hostEdits have a kubelet read the node's own files in the folder hostfs that is the
// node's disk, beside its own folder: not the server's files. Pods may have written
// them (hostPath volumes): no link leads out, no pipe blocks, and nothing is endless.
var hostEdits = []edit{
	{
		File: "pkg/kubelet/config/file.go",
		Why:  "the node's files",
		Old:  "// NewSourceFile watches a config file for changes.\n",
		New: `// ReadHostFile reads a regular file of the node's disk, of at most 1 MiB: a path below
// a folder hostfs, which no link leads out of.
func ReadHostFile(path string) ([]byte, error) {
	root, name, err := openHost(path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("/%s is not a regular file", name)
	}
	return utilio.ReadAtMost(f, 1<<20)
}

func openHost(path string) (root *os.Root, name string, err error) {
	dir, name, ok := strings.Cut(path, "/hostfs/")
	if !ok {
		return nil, "", fmt.Errorf("%s is not on the node's disk", path)
	}
	root, err = os.OpenRoot(dir + "/hostfs")
	return root, name, err
}

// listHost lists the regular files of a folder of the node's disk whose names begin
// with no dot, 256 at most, and says in a word what would change if they did.
func listHost(path string) (paths []string, mark string) {
	root, name, err := openHost(path)
	if err != nil {
		return nil, ""
	}
	defer root.Close()
	dir, err := root.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, ""
	}
	defer dir.Close()
	entries, _ := dir.ReadDir(256)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if info, err := root.Stat(filepath.Join(name, e.Name())); err == nil && info.Mode().IsRegular() {
			paths = append(paths, filepath.Join(path, e.Name()))
		}
	}
	sort.Strings(paths)
	var b strings.Builder
	for _, p := range paths {
		if info, err := root.Stat(filepath.Join(name, filepath.Base(p))); err == nil {
			fmt.Fprintln(&b, p, info.Size(), info.ModTime().UnixNano())
		}
	}
	return paths, b.String()
}

// NewSourceFile watches a config file for changes.
`,
	}, {
		File: "pkg/kubelet/config/file.go",
		Why:  "imports of the above",
		Old:  "import (\n	\"fmt\"\n",
		New:  "import (\n	\"context\"\n	\"fmt\"\n",
	}, {
		File: "pkg/kubelet/config/file.go",
		Why:  "imports of the above",
		Old:  "	\"strings\"\n	\"time\"\n",
		New:  "	\"strings\"\n	\"syscall\"\n	\"time\"\n",
	}, {
		File: "pkg/kubelet/config/file.go",
		Why:  "the watch of the manifests ends with the node",
		Old:  "func NewSourceFile(logger",
		New:  "func NewSourceFile(ctx context.Context, logger",
	}, {
		File: "pkg/kubelet/config/file.go",
		Why:  "the watch of the manifests ends with the node",
		Old:  "	config := newSourceFile(path, nodeName, period, updates)\n",
		New:  "	config := newSourceFile(ctx, path, nodeName, period, updates)\n",
	}, {
		File: "pkg/kubelet/config/file.go",
		Why:  "the watch of the manifests ends with the node",
		Old:  "	config.run(logger)\n",
		New:  "	config.run(ctx, logger)\n",
	}, {
		File: "pkg/kubelet/config/file.go",
		Why:  "the watch of the manifests ends with the node",
		Old:  "func newSourceFile(path",
		New:  "func newSourceFile(ctx context.Context, path",
	}, {
		File: "pkg/kubelet/config/file.go",
		Why:  "nobody may read what it sends",
		Old:  "		updates <- sourceUpdate{Pods: pods}\n	}\n	store",
		New:  "		select {\n		case <-ctx.Done():\n		case updates <- sourceUpdate{Pods: pods}:\n		}\n	}\n	store",
	}, {
		File: "pkg/kubelet/config/file.go",
		Why:  "inotify's instances are counted per user of the host, and few: the folder is looked at, and read where it has changed",
		Old: `func (s *sourceFile) run(logger klog.Logger) {
	listTicker := time.NewTicker(s.period)

	go func() {
		// Read path immediately to speed up startup.
		if err := s.listConfig(logger); err != nil {
			logger.Error(err, "Unable to read config path", "path", s.path)
		}
		for {
			select {
			case <-listTicker.C:
				if err := s.listConfig(logger); err != nil {
					logger.Error(err, "Unable to read config path", "path", s.path)
				}
			case e := <-s.watchEvents:
				if err := s.consumeWatchEvent(logger, e); err != nil {
					logger.Error(err, "Unable to process watch event")
				}
			}
		}
	}()

	s.startWatch(logger)
}
`,
		New: `func (s *sourceFile) run(ctx context.Context, logger klog.Logger) {
	go func() {
		listTicker := time.NewTicker(s.period)
		defer listTicker.Stop()
		last := "never"
		for {
			if paths, mark := listHost(s.path); mark != last {
				last = mark
				var pods []*v1.Pod
				for _, path := range paths {
					pod, err := s.extractFromFile(logger, path)
					if err != nil {
						logger.Error(err, "Could not process manifest file", "path", path)
						continue
					}
					pods = append(pods, pod)
				}
				if err := s.replaceStore(pods...); err != nil {
					logger.Error(err, "Unable to read config path", "path", s.path)
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-listTicker.C:
			}
		}
	}()
}
`,
	}, {
		File: "pkg/kubelet/config/file.go",
		Why:  "a manifest is a file of the node",
		Old: `	file, err := os.Open(filename)
	if err != nil {
		return pod, err
	}
	defer file.Close()

	data, err := utilio.ReadAtMost(file, maxConfigLength)
`,
		New: "	data, err := ReadHostFile(filename)\n",
	}, {
		File: "pkg/kubelet/kubelet.go",
		Why:  "the watch of the manifests ends with the node",
		Old:  "config.NewSourceFile(logger,",
		New:  "config.NewSourceFile(ctx, logger,",
	}, {
		File: "pkg/kubelet/kubelet_pods.go",
		Why:  "pods in the node's network see the node's hosts, not the server's",
		Old:  "nodeHostsFileContent(etcHostsPath, hostAliases)",
		New:  "nodeHostsFileContent(filepath.Join(filepath.Dir(fileName), \"../../../hostfs/etc/hosts\"), hostAliases)",
	}, {
		File: "pkg/kubelet/kubelet_pods.go",
		Why:  "pods in the node's network see the node's hosts, not the server's",
		Old:  "	hostsFileContent, err := os.ReadFile(hostsFilePath)\n",
		New:  "	hostsFileContent, err := config.ReadHostFile(hostsFilePath)\n",
	}, {
		File: "pkg/kubelet/kubelet_pods.go",
		Why:  "imports of the above",
		Old:  "	kubecontainer \"k8s.io/kubernetes/pkg/kubelet/container\"\n",
		New:  "	\"k8s.io/kubernetes/pkg/kubelet/config\"\n	kubecontainer \"k8s.io/kubernetes/pkg/kubelet/container\"\n",
	}, {
		File: "pkg/kubelet/util/env/env_util.go",
		Why:  "a container may change its volume meanwhile: no link leads to the server's files, and no pipe blocks",
		Old:  "	file, err := os.Open(envFilePath)\n	if err != nil {\n		return \"\", fmt.Errorf(\"failed to open environment variable file %q: %w\", envFilePath, err)\n	}\n	defer func() { _ = file.Close() }()\n",
		New: `	fd, err := unix.Openat2(unix.AT_FDCWD, envFilePath, &unix.OpenHow{
		Flags: unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK, Resolve: unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return "", fmt.Errorf("failed to open environment variable file %q: %w", envFilePath, err)
	}
	file := os.NewFile(uintptr(fd), envFilePath)
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err != nil {
		return "", err
	} else if !info.Mode().IsRegular() {
		return "", fmt.Errorf("environment variable file %q is not a regular file", envFilePath)
	}
`,
	}, {
		File: "pkg/kubelet/util/env/env_util.go",
		Why:  "imports of the above",
		Old:  "	\"strings\"\n",
		New:  "	\"strings\"\n\n	\"golang.org/x/sys/unix\"\n",
	},
}
